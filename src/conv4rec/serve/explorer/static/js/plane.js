// The plane: every item of the catalogue at P(consume) and P(like), for one person. The dots are
// painted on a canvas; axes, marks and names are an SVG above it.

import { h } from "./dom.js";
import { tween } from "./motion.js";
import { LEAST, drawFrame } from "./plane_frame.js";

const d3 = globalThis.d3;
const NEAR = 14; // pixels from the pointer to a dot

/**
 * @param {{pick: Function, hover: Function, box: Function, tip: Function}} on what to call with the
 *   place of an item, and tip(place) gives what is shown beside the pointer.
 */
export function makePlane(on) {
  const canvas = h("canvas", {
    tabindex: "0", role: "application", "data-key": "plane",
    "aria-label": "Plane of all items: to the right, likelier to be picked; upwards, likelier to be loved. Arrow keys go to the nearest item, Enter opens it.",
  });
  const svg = d3.create("svg").attr("aria-hidden", "true");
  const tip = h("div", { class: "tip", hidden: true });
  const plot = h("div", { class: "plot" }, canvas, svg.node(), tip);
  const draw = canvas.getContext("2d");
  let data = null, size = {}, at = null, tree = null, hovered = -1, stop = () => {}, dragged = null;

  function show(next) {
    const moves = data && data.x.length === next.x.length && at;
    data = next;
    layout(moves ? at : null);
  }

  function layout(from) {
    if (!data) return;
    const wide = plot.clientWidth, high = plot.clientHeight;
    if (!wide) return;
    const small = wide < 560, margin = { left: small ? 40 : 56, right: 14, top: 34, bottom: 44 };
    const scale = devicePixelRatio || 1;
    canvas.width = wide * scale;
    canvas.height = high * scale;
    draw.setTransform(scale, 0, 0, scale, 0, 0);
    svg.attr("viewBox", `0 0 ${wide} ${high}`);
    const some = data.x.filter((p) => p !== null).map((p) => Math.max(p, LEAST));
    const [low, most] = some.length ? [d3.min(some), d3.max(some)] : [1e-4, 1e-2];
    const x = d3.scaleLog([low / 1.3, most * 1.6], [margin.left, wide - margin.right]);
    const y = d3.scaleLinear([0, 1], [high - margin.bottom, margin.top]);
    size = { wide, high, margin, x, y, small };
    const target = positions(data.x, data.y);
    stop();
    stop = tween(from, target, (now) => {
      at = now;
      paint();
    }, () => {
      tree = d3.quadtree().x((i) => at[2 * i]).y((i) => at[2 * i + 1]).addAll(d3.range(data.x.length).filter(drawn));
      frame();
    });
    frame();
  }

  const drawn = (i) => data.x[i] !== null && data.y[i] !== null;

  function positions(xs, ys) {
    const found = new Float32Array(2 * xs.length).fill(-99);
    for (let i = 0; i < xs.length; i += 1) {
      if (xs[i] === null || ys[i] === null) continue;
      found[2 * i] = size.x(Math.max(xs[i], LEAST));
      found[2 * i + 1] = size.y(ys[i]);
    }
    return found;
  }

  function paint() {
    const style = getComputedStyle(plot);
    const ink = (name) => style.getPropertyValue(name).trim();
    const { wide, high, margin, x, y } = size;
    draw.clearRect(0, 0, wide, high);
    if (data.edge) { // where discoveries are
      draw.fillStyle = ink("--discover-wash");
      draw.fillRect(margin.left, margin.top, Math.max(0, x(data.edge) - margin.left), y(0.5) - margin.top);
    }
    const n = data.x.length, r = n > 12000 ? 1.1 : n > 4000 ? 1.5 : n > 900 ? 2.1 : 3;
    draw.fillStyle = ink("--dot");
    draw.beginPath();
    for (let i = 0; i < n; i += 1) {
      if (at[2 * i] < 0) continue;
      if (n > 4000) draw.rect(at[2 * i] - r, at[2 * i + 1] - r, 2 * r, 2 * r);
      else {
        draw.moveTo(at[2 * i] + r, at[2 * i + 1]);
        draw.arc(at[2 * i], at[2 * i + 1], r, 0, 7);
      }
    }
    draw.fill();
    if (dragged) {
      draw.strokeStyle = ink("--ink");
      draw.setLineDash([4, 3]);
      draw.strokeRect(dragged[0], dragged[1], dragged[2] - dragged[0], dragged[3] - dragged[1]);
      draw.setLineDash([]);
    }
  }

  function frame() {
    drawFrame(svg, data, size);
    halo();
  }

  function halo() {
    svg.selectAll(".halo").remove();
    if (hovered >= 0 && drawn(hovered)) {
      svg.append("circle").attr("class", "halo").attr("cx", at[2 * hovered]).attr("cy", at[2 * hovered + 1]).attr("r", 9);
    }
  }

  function nearest(px, py) {
    let best = -1, least = NEAR * NEAR * 1.4;
    for (const { at: i } of data.marks) {
      const d = (at[2 * i] - px) ** 2 + (at[2 * i + 1] - py) ** 2;
      if (d < least) [best, least] = [i, d];
    }
    return best >= 0 ? best : tree?.find(px, py, NEAR) ?? -1;
  }

  function hover(i) {
    if (i === hovered) return;
    hovered = i;
    halo();
    tip.hidden = i < 0;
    if (i >= 0) {
      tip.replaceChildren(on.tip(i));
      const left = at[2 * i] + 16, over = left + tip.offsetWidth > size.wide;
      tip.style.left = `${Math.max(4, over ? at[2 * i] - tip.offsetWidth - 16 : left)}px`;
      tip.style.top = `${Math.max(4, Math.min(at[2 * i + 1] - 20, size.high - tip.offsetHeight - 4))}px`;
    }
    on.hover?.(i);
  }

  const point = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointermove", (event) => {
    const [px, py] = point(event);
    if (dragged && event.buttons) {
      dragged = [dragged[0], dragged[1], px, py];
      if (Math.hypot(px - dragged[0], py - dragged[1]) > 6) {
        hover(-1);
        paint();
        return;
      }
    }
    if (data) hover(nearest(px, py));
  });
  canvas.addEventListener("pointerdown", (event) => {
    const [px, py] = point(event);
    if (event.pointerType === "mouse") dragged = [px, py, px, py];
    else hover(nearest(px, py));
  });
  canvas.addEventListener("pointerup", (event) => {
    const [px, py] = point(event), from = dragged;
    dragged = null;
    paint();
    if (from && Math.hypot(px - from[0], py - from[1]) > 6) on.box?.(boxOf(from, px, py));
    else if (nearest(px, py) >= 0) on.pick(nearest(px, py));
  });
  canvas.addEventListener("pointerleave", () => {
    dragged = null;
    hover(-1);
  });
  canvas.addEventListener("keydown", (event) => {
    const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way) {
      event.preventDefault();
      hover(nextItem(way));
    } else if (event.key === "Enter" && hovered >= 0) on.pick(hovered);
    else if (event.key === "Escape") hover(-1);
  });
  canvas.addEventListener("blur", () => hover(-1));

  /** The item nearest in one direction, distances across it counting twice. */
  function nextItem([dx, dy]) {
    if (hovered < 0) return data.marks[0]?.at ?? d3.range(data.x.length).find(drawn) ?? -1;
    let best = hovered, least = Infinity;
    for (let i = 0; i < data.x.length; i += 1) {
      const ax = at[2 * i] - at[2 * hovered], ay = at[2 * i + 1] - at[2 * hovered + 1];
      const along = ax * dx + ay * dy, across = Math.abs(ax * dy) + Math.abs(ay * dx);
      if (along > 0.5 && drawn(i) && along + 2 * across < least) [best, least] = [i, along + 2 * across];
    }
    return best;
  }

  function boxOf([x0, y0], x1, y1) {
    const { x, y } = size, sort = (a, b) => (a < b ? [a, b] : [b, a]);
    return [...sort(x.invert(x0), x.invert(x1)), ...sort(y.invert(y0), y.invert(y1))];
  }

  const watch = new ResizeObserver(() => layout(null));
  watch.observe(plot);
  const repaint = () => layout(null);
  addEventListener("themechange", repaint);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  return { element: plot, show, hover, close: () => { watch.disconnect(); removeEventListener("themechange", repaint); } };
}
