"use strict";
// A figure that moves is loaded when its picture comes near the window. Opened as a file, the page
// keeps the picture: browsers load no modules from files.
(() => {
  if (location.protocol === "file:") return;
  const stage = new URL("stage.js", document.currentScript.src);
  const near = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        const box = target.querySelector("[data-figure]");
        import(stage).then(({ mount }) => mount(box)).catch((problem) => console.error(problem));
      }
    },
    { rootMargin: "50% 0px" },
  );
  for (const box of document.querySelectorAll("[data-figure]")) near.observe(box.parentElement);
})();
