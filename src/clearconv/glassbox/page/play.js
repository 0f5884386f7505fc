"use strict";
// The walk of the window over the image: play, pause, one step on or back, slower and faster.

const Play = (() => {
  /** Make the controls work; `step(1 or -1)` goes on and returns whether there is more. */
  function over(controls, step) {
    const play = controls.querySelector(".play"), speed = controls.querySelector("[type=range]");
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    let timer = null;

    function stop() {
      clearTimeout(timer);
      timer = null;
      play.textContent = "Play";
      play.setAttribute("aria-pressed", "false");
    }

    function go() {
      if (!step(1)) return stop();
      timer = setTimeout(go, 2000 / 2 ** Number(speed.value));
    }

    function start() {
      play.textContent = "Pause";
      play.setAttribute("aria-pressed", "true");
      go();
    }

    play.addEventListener("click", () => (timer === null ? start() : stop()));
    for (const [selector, way] of [[".back", -1], [".on", 1]])
      controls.querySelector(selector).addEventListener("click", () => {
        stop();
        step(way);
      });
    // who asked the system for less motion goes step by step
    const respect = () => {
      stop();
      play.hidden = calm.matches;
      controls.querySelector(".pace").hidden = calm.matches;
    };
    calm.addEventListener("change", respect);
    respect();
    return { stop };
  }

  return { over };
})();
