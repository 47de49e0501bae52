// Numbers, times and names as people read them. Pure: knows nothing of the page.

export const NOT_KNOWN = "–";

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const money = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const signed = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2, signDisplay: "exceptZero" });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const short = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const moment = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

const known = (value, text) => (value === null || value === undefined ? NOT_KNOWN : text(value));

export const count = (value) => known(value, (n) => whole.format(n));
export const amount = (cents) => known(cents, (n) => `$${money.format(n / 100)}`.replace("$-", "-$"));
export const growth = (cents) => known(cents, (n) => signed.format(n / 100).replace(/^([+-]?)/, "$1$$"));
export const share = (ratio) => known(ratio, (n) => `${(n * 100).toFixed(n < 0.1 && n > 0 ? 2 : 1)} %`);
export const perSecond = (rate) => known(rate, (n) => `${n < 100 ? n.toFixed(1) : whole.format(n)}/s`);
export const name = (text) => text.replaceAll("_", " ");

export function milliseconds(seconds) {
  return known(seconds, (n) => {
    const value = n * 1000;
    if (value >= 1000) return `${(value / 1000).toFixed(value < 10_000 ? 2 : 0)} s`;
    return `${value < 10 ? value.toFixed(1) : whole.format(value)} ms`;
  });
}

// Two units at most: 3 d 4 h, 5 min 6 s.
export function span(seconds) {
  return known(seconds, (n) => {
    const whole = Math.max(0, Math.round(n));
    const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
    const first = units.findIndex(([size]) => whole >= size);
    if (first < 0) return "0 s";
    let left = whole;
    const parts = units.slice(first, first + 2).map(([size, unit]) => {
      const times = Math.floor(left / size);
      left -= times * size;
      return times ? `${times} ${unit}` : "";
    });
    return parts.filter(Boolean).join(" ");
  });
}

// One unit, for columns.
export function age(seconds) {
  return known(seconds, (n) => {
    const value = Math.max(0, n);
    if (value < 100) return `${Math.round(value)} s`;
    if (value < 6000) return `${Math.round(value / 60)} min`;
    if (value < 172_800) return `${Math.round(value / 3600)} h`;
    return `${Math.round(value / 86_400)} d`;
  });
}

export const timeOfDay = (seconds) => clock.format(new Date(seconds * 1000));
export const hourAndMinute = (seconds) => short.format(new Date(seconds * 1000));
export const dateAndTime = (seconds) => known(seconds, (n) => moment.format(new Date(n * 1000)));
