// Loads the page again if a part of it did not arrive: without one of its modules it would stay
// empty, as where a phone changes its network meanwhile. No module, and it imports none: it must
// work without them.
{
  const AGAIN_MS = 2000;

  const loadAgain = async () => {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      // Not before the hub answers: the browser's own page of errors does not come back by itself.
      const answer = await fetch('hub.json', { cache: 'no-store' }).catch(() => null);
      if (answer?.ok) return location.reload();
    }
  };

  let isDue = false;
  const onError = ({ target }) => {
    const isPart =
      target instanceof HTMLScriptElement ||
      (target instanceof HTMLLinkElement && target.rel === 'stylesheet');
    if (!isPart || isDue) return;
    isDue = true;
    document.getElementById('not-whole')?.removeAttribute('hidden');
    void loadAgain();
  };
  // What did not arrive says so to its element, and that does not bubble.
  addEventListener('error', onError, true);
}
