// What an open-web page needs besides page.js: refs that go on counting from page to page, and links that stay in this tab.
(() => {
  const agent = window.__webagent;
  let begun = false;
  let changed = 0;
  new MutationObserver(() => { changed = performance.now(); }).observe(document, {
    attributes: true, characterData: true, childList: true, subtree: true,
  });

  addEventListener("click", (event) => {
    const link = event.composedPath().find((node) => node instanceof Element && node.matches("a[target], area[target]"));
    if (link) link.target = "_self";
  }, true);
  addEventListener("submit", (event) => { event.target.removeAttribute("target"); }, true);
  window.open = (url) => { if (url) location.assign(url); return null; };

  agent.web = {
    // Waits until the page has been still for `quiet` ms, or `limit` ms have passed, and reads it.
    async observe(first, quiet, limit, options) {
      if (!begun) { agent.forget(first); begun = true; }
      const start = changed = performance.now();
      for (;;) {
        const now = performance.now();
        if (now - changed >= quiet && document.readyState !== "loading" || now - start >= limit) break;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return agent.observe(options);
    },
  };
})();
