// What an open-web page needs besides page.js: refs that go on counting from page to page, links and windows that stay in this
// tab, and a way to tell when the page is still.
(() => {
  const agent = window.__webagent;
  const { setTimeout, Promise, performance } = window;
  const now = performance.now.bind(performance);
  let begun = false;
  let changed = 0;
  new MutationObserver(() => { changed = now(); }).observe(document, {
    attributes: true, characterData: true, childList: true, subtree: true,
  });

  // Sends data past every proxy.
  for (const name of ["RTCPeerConnection", "webkitRTCPeerConnection", "WebTransport"]) delete window[name];

  // A name that no frame has would open a new tab.
  const opensTab = (target) => {
    if (!target || /^_(self|top|parent)$/i.test(target)) return false;
    try { return !top.frames[target]; } catch { return false; }
  };
  const stay = (element) => {
    const base = document.querySelector("base[target]");
    if (opensTab(element.getAttribute("target") || (base && base.target))) element.setAttribute("target", "_self");
  };
  addEventListener("click", (event) => {
    const link = event.composedPath().find((node) => node instanceof Element && node.matches("a, area"));
    if (link) stay(link);
    const button = event.composedPath().find((node) => node instanceof Element && node.hasAttribute("formtarget"));
    if (button && opensTab(button.getAttribute("formtarget"))) button.setAttribute("formtarget", "_self");
  }, true);
  addEventListener("submit", (event) => { stay(event.target); }, true);
  const { submit } = HTMLFormElement.prototype;
  HTMLFormElement.prototype.submit = function () { stay(this); submit.call(this); };
  window.open = (url) => { if (url) location.assign(url); return window; };

  agent.web = {
    // Resolves when nothing has changed for `quiet` ms, or `limit` ms have passed.
    async still(quiet, limit) {
      const start = changed = now();
      for (;;) {
        const time = now();
        if (time - changed >= quiet && document.readyState !== "loading" || time - start >= limit) return;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    observe(first, options) {
      if (!begun) { agent.forget(first); begun = true; }
      return agent.observe(options);
    },
  };
})();
