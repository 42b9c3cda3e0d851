import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;

/**
 * Java's own client, java.net.http: {@code java Device.java CHARGER WIDGET [CHARGER WIDGET]…}.
 * It does and prints what ../python/device.py describes.
 */
class Device implements WebSocket.Listener {
    private final HttpClient client = HttpClient.newHttpClient();
    private final Queue<String> readings = new ArrayDeque<>();
    private final Queue<URI> addresses = new ArrayDeque<>();
    private final StringBuilder message = new StringBuilder();
    private final String name;

    Device(String name, String[] words, int first) {
        this.name = name;
        for (int place = first; place < words.length; place += 2) {
            addresses.add(URI.create(words[place]));
            int level = place == first ? 70 : 100;
            readings.add("{\"event\":\"StateOfCharge\",\"data\":{\"soc\":" + level + "}}");
        }
    }

    public static void main(String[] words) throws InterruptedException {
        new Device("charger", words, 0).connect();
        new Device("widget", words, 1).connect();
        new CountDownLatch(1).await(); // the client's threads do not keep the program running
    }

    private void connect() {
        if (addresses.isEmpty()) return;
        client.newWebSocketBuilder().buildAsync(addresses.remove(), this).exceptionally(error -> {
            say("failed " + error);
            return null;
        });
    }

    private void say(String words) {
        System.out.println(name + " " + words);
    }

    @Override
    public void onOpen(WebSocket connection) {
        say("open");
        String reading = readings.remove();
        if (name.equals("charger")) connection.sendText(reading, true);
        connection.request(1);
    }

    @Override
    public CompletionStage<?> onText(WebSocket connection, CharSequence part, boolean isLast) {
        message.append(part);
        if (isLast) {
            say("message " + message);
            message.setLength(0);
        }
        connection.request(1);
        return null;
    }

    @Override
    public CompletionStage<?> onClose(WebSocket connection, int code, String reason) {
        say("closed " + code + " " + reason);
        connect();
        return null;
    }

    @Override
    public void onError(WebSocket connection, Throwable error) {
        say("failed " + error);
        connect();
    }
}
