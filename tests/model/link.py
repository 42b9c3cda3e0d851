"""The subscribing connection of one process, with the messages that are on their way on it."""

from collections import deque

from shared.bus.single_server_subscriber import SingleServerSubscriber
from tests.model.server import Message
from tests.unit.shared.no_delay import NoDelay


class StepSubscriber(SingleServerSubscriber):
    """A subscriber whose connection moves when the model says so.

    What it wants and what counts as confirmed is decided by the real one.
    """

    def __init__(self) -> None:
        super().__init__("redis://unused", "model", rng=NoDelay())
        self._subscribed: set[str] = set()
        self._inbox: deque[Message | tuple[bytes, str]] = deque()
        self._late: list[Message] = []
        self.is_broken = False

    @property
    def has_news(self) -> bool:
        return bool(self._commands or self._inbox)

    @property
    def has_late(self) -> bool:
        return bool(self._late)

    def published(self, message: Message) -> None:
        """Redis publishes; what nobody is subscribed to, nobody hears."""
        if message.channel in self._subscribed and not self.is_broken:
            self._inbox.append(message)

    def step(self, *, twice: bool = False, late: bool = False) -> None:
        """Send what is to be sent, or else let the next message arrive."""
        if self._commands:
            for kind, *channels in self._take_commands():
                for channel in channels:
                    self._command(kind, channel)
        elif self._inbox:
            self._arrived(self._inbox.popleft(), twice=twice, late=late)

    def step_late(self, number: int) -> None:
        """Let a message arrive that others overtook."""
        self._pass_on(self._late.pop(number % len(self._late)))

    def lose_messages(self) -> None:
        """Lose the messages that are on their way."""
        self._inbox = deque(news for news in self._inbox if not isinstance(news, Message))

    def break_off(self) -> None:
        """Break, without anybody noticing yet. Late messages were in our own buffers: they stay."""
        self.is_broken = True
        self._subscribed.clear()
        self._inbox.clear()

    def reconnect(self) -> None:
        """Notice a loss and begin again, as `run` and `_serve` do."""
        self.is_broken = False
        self._confirmed.clear()
        self._unanswered.clear()
        self._commands = [("SUBSCRIBE", channel) for channel in self._handlers]

    def _command(self, kind: str, channel: str) -> None:
        if self.is_broken:
            return
        if kind == "SUBSCRIBE":
            self._subscribed.add(channel)
        else:
            self._subscribed.discard(channel)
        self._inbox.append((kind.lower().encode(), channel))

    def _arrived(self, news: Message | tuple[bytes, str], *, twice: bool, late: bool) -> None:
        if not isinstance(news, Message):
            kind, channel = news
            if self._on_answer(channel, kind):
                self._handlers[channel].on_confirmed([channel])
            return
        if twice or late:
            self._late.append(news)
        if not late:
            self._pass_on(news)

    def _pass_on(self, message: Message) -> None:
        """Give a message to its handler, if its channel is still subscribed to."""
        handler = self._handlers.get(message.channel)
        if handler is not None:
            handler.on_message(*message)
