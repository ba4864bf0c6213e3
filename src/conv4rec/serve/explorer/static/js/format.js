// Numbers as people read them.

const whole = new Intl.NumberFormat("en");

export const count = (n) => whole.format(n);

/** A probability with two significant digits: 3.1%, 0.042%, below 0.001%. */
export function percent(p) {
  if (p === null || p === undefined) return "?";
  const value = 100 * p;
  if (value > 0 && value < 0.001) return "<0.001%";
  if (value >= 99.5 && p < 1) return ">99%";
  return `${value >= 9.95 ? Math.round(value) : Number(value.toPrecision(2))}%`;
}

export const signed = (x, digits = 1) => `${x < 0 ? "−" : "+"}${Math.abs(x).toFixed(digits)}`;

export function plural(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** A text cut to a length, with an ellipsis. */
export function short(text, most = 30) {
  const characters = Array.from(text);
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join("").trimEnd()}…`;
}
