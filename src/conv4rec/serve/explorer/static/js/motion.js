// From one array of positions to the next, unless the reader asked for less motion.

const LASTS = 380; // milliseconds

export function tween(from, to, step, end) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (!from || from.length !== to.length || still || document.hidden) {
    step(to);
    end();
    return () => {};
  }
  const start = performance.now(), now = new Float32Array(to.length);
  let id = requestAnimationFrame(function next(time) {
    const t = Math.min(1, Math.max(0, (time - start) / LASTS)), part = 1 - (1 - t) ** 3;
    for (let i = 0; i < to.length; i += 1) {
      const gone = from[i] < 0 || to[i] < 0; // an item that comes or goes does not fly in
      now[i] = gone ? to[i] : from[i] + (to[i] - from[i]) * part;
    }
    step(t < 1 ? now : to);
    if (t < 1) id = requestAnimationFrame(next);
    else end();
  });
  return () => cancelAnimationFrame(id);
}
