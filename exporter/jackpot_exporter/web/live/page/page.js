// The page: takes the events of /live, keeps the last ten minutes, shows them.

import { byId, list, make, makeCurve, setCurve, setState, setText, show } from "./draw.js";
import * as words from "./words.js";

const KEPT_SECONDS = 600;
const SILENT_SECONDS = 7; // the exporter says something every two
const RETRY_SECONDS = [1, 2, 4];
const ROWS = 50;

const target = new URLSearchParams(location.search).get("target") ?? "";
const address = `live${target ? `?target=${encodeURIComponent(target)}` : ""}`;

const page = {
  state: null,
  pools: null,
  curves: new Map(), // of pools, by key
  figures: new Map(), // of the service, by name
  rows: ROWS,
  isPaused: false,
  ahead: 0, // seconds that the exporter's clock is ahead of ours
};
const link = { source: null, heardAt: 0, lostAt: null, attempts: 0, timer: 0, why: "" };

const now = () => Date.now() / 1000 + page.ahead;

// --- what arrives -------------------------------------------------------------------------------------------------

const keyOf = (pools, index) => `${pools.names[index]}\u0000${pools.labels[index]}`;

function take(history) {
  page.history = history; // its pools are those of the news that follow
  page.figures.clear();
  for (const [name, values] of Object.entries(history.figures)) {
    page.figures.set(name, values.map((value, index) => [history.times[index], value]));
  }
}

function takePools(pools) {
  page.pools = pools;
  if (page.history) {
    page.curves.clear();
    page.history.names.forEach((key, index) => {
      page.curves.set(key, page.history.amounts[index].map((value, at) => [page.history.times[at], value]));
    });
    page.history = null;
  }
  const present = new Set();
  pools.names.forEach((_, index) => {
    const key = keyOf(pools, index);
    present.add(key);
    if (!page.curves.has(key)) page.curves.set(key, []);
    append(page.curves.get(key), pools.at, pools.amounts[index]);
  });
  for (const key of page.curves.keys()) if (!present.has(key)) page.curves.delete(key);
}

function takeState(state) {
  page.ahead = state.now - Date.now() / 1000;
  page.state = state;
  const figures = { perSecond: state.service.perSecond, errorRatio: state.service.errorRatio };
  for (const one of state.latencies) figures[`p95 ${one.operation}`] = one.p95;
  for (const [name, value] of Object.entries(figures)) {
    if (!page.figures.has(name)) page.figures.set(name, []);
    append(page.figures.get(name), state.now, value);
  }
}

function append(curve, at, value) {
  const last = curve[curve.length - 1];
  if (last && at <= last[0]) return;
  curve.push([at, value]);
  while (curve[0][0] < at - KEPT_SECONDS) curve.shift();
}

// --- the connection -----------------------------------------------------------------------------------------------

function connect() {
  clearTimeout(link.timer);
  link.source?.close();
  const source = (link.source = new EventSource(address));
  const on = (name, use) =>
    source.addEventListener(name, (event) => {
      use(JSON.parse(event.data));
      heard();
    });
  on("history", take);
  on("pools", takePools);
  on("state", takeState);
  source.onerror = () => {
    source.close();
    lose();
  };
}

function heard() {
  link.heardAt = Date.now();
  link.attempts = 0;
  if (link.lostAt !== null) say("Connected again.");
  link.lostAt = null;
  link.why = "";
  if (!page.isPaused) draw();
}

function lose() {
  link.lostAt ??= link.heardAt || Date.now();
  const wait = RETRY_SECONDS[Math.min(link.attempts++, RETRY_SECONDS.length - 1)];
  clearTimeout(link.timer);
  link.timer = setTimeout(connect, wait * 1000);
  drawLink();
  explain();
}

// An EventSource does not tell why it failed.
async function explain() {
  const reasons = { 401: "credentials are needed; load the page again", 403: "this address may not ask", 404: `there is no target “${target}”`, 503: "too many are watching" };
  try {
    const answer = await fetch(address, { method: "HEAD", cache: "no-store" });
    link.why = reasons[answer.status] ?? "";
  } catch {
    link.why = "";
  }
  drawLink();
}

function watchSilence() {
  if (link.lostAt === null && link.heardAt && Date.now() - link.heardAt > SILENT_SECONDS * 1000) {
    link.source.close();
    lose();
  }
}

// --- what is shown ------------------------------------------------------------------------------------------------

function say(text) {
  byId("said").textContent = text;
}

function drawLink() {
  const isLost = link.lostAt !== null;
  document.body.classList.toggle("is-lost", isLost);
  const lost = byId("lost");
  if (!isLost) {
    setText(lost, "");
    const heard = link.heardAt ? words.timeOfDay(link.heardAt / 1000) : "";
    if (!heard) setState(byId("connection"), "unknown", "Connecting");
    else if (page.isPaused) setState(byId("connection"), "unknown", `Paused at ${words.timeOfDay(page.pausedAt)}`);
    else setState(byId("connection"), "good", `Live ${heard}`);
    return;
  }
  const since = words.timeOfDay(link.lostAt / 1000);
  const what = page.state ? " What is below is from then." : "";
  setText(lost, `No connection since ${since}${link.why ? `: ${link.why}` : ""}.${what} Trying again.`);
  setState(byId("connection"), "critical", `Lost for ${words.span((Date.now() - link.lostAt) / 1000)}`);
  document.title = "No connection – jackpot-exporter";
}

function draw() {
  drawLink();
  if (!page.state) return;
  drawHeadline();
  drawFigures();
  drawIncidents();
  drawDependencies();
  drawLatencies();
  drawCollectors();
  drawPools();
}

function headline() {
  const { concerns, isReady, service } = page.state;
  const critical = concerns.filter((one) => one.level === "critical").length;
  if (critical) return ["critical", critical === 1 ? "One thing needs a human now" : `${critical} things need a human now`];
  if (concerns.length) return ["warning", concerns.length === 1 ? "One thing to look at" : `${concerns.length} things to look at`];
  if (!isReady) return ["unknown", "Starting: not every collector has finished once"];
  if (service.status === null) return ["unknown", "Nothing wrong is known; no service is watched"];
  return ["good", "All is well"];
}

function drawHeadline() {
  const { concerns, targets, version } = page.state;
  const [level, text] = headline();
  const before = byId("headline").textContent;
  setState(byId("headline"), level, text);
  if (before !== byId("headline").textContent) {
    say([text, ...concerns.map((one) => one.text)].join(". "));
  }
  document.title = `${level === "good" ? "" : `${text} – `}${target || "jackpot-exporter"}`;
  setText(byId("version"), version);
  list(
    byId("concerns"),
    concerns,
    (one) => `${one.level} ${one.text}`,
    (one) => {
      const link = make("a", { href: `#${one.about}` });
      setState(link, one.level, one.text);
      return make("li", {}, link);
    },
    () => {},
  );
  drawTargets(targets);
}

function drawTargets(targets) {
  show(byId("targets"), targets.length > 0);
  list(
    byId("targets"),
    targets.length ? ["", ...targets] : [],
    (one) => one,
    (one) => {
      const link = make("a", { href: one ? `?target=${encodeURIComponent(one)}` : "." }, one || "main");
      if (one === target) link.setAttribute("aria-current", "page");
      return link;
    },
    () => {},
  );
}

function drawFigures() {
  const { service } = page.state;
  const total = page.pools?.count ? page.pools.total : null;
  const grown = page.pools?.growth.filter((one) => one !== null) ?? [];
  const figures = [
    { name: "In all pools", value: words.amount(total) },
    { name: "Growth a minute", value: grown.length ? words.growth(grown.reduce((a, b) => a + b, 0)) : words.NOT_KNOWN },
    { name: "Operations", value: words.perSecond(service.perSecond), curve: "perSecond" },
    { name: "Errors and timeouts", value: words.share(service.errorRatio), curve: "errorRatio" },
    { name: "Active users", value: words.count(service.activeUsers) },
    { name: "Service", value: serviceWord(service), note: [service.version, service.environment].filter(Boolean).join(" · ") },
    { name: "Up for", value: words.span(service.uptime) },
  ];
  // Of a service that is not watched there is nothing to say; what is watched and not known now is told.
  const told = figures.filter((one, index) => index < 2 || service.up !== null || one.value !== words.NOT_KNOWN);
  list(
    byId("figures"),
    told,
    (one) => one.name,
    (one) => make("div", {}, make("dt", {}, one.name), make("dd", {}, make("span", { class: "value" }), one.curve ? makeCurve() : make("small"))),
    (element, one) => {
      const [value, more] = element.lastElementChild.children;
      setText(value, one.value);
      if (one.curve) setCurve(more, page.figures.get(one.curve) ?? []);
      else setText(more, one.note ?? "");
    },
  );
}

function serviceWord(service) {
  if (service.up === null) return words.NOT_KNOWN;
  if (service.up === 0) return "down";
  return service.status ?? words.NOT_KNOWN;
}

const LEVEL_OF = { critical: "critical", warning: "warning", info: "good" };

function drawIncidents() {
  const { incidents, isNamed } = page.state.alerts;
  const none = byId("no-incidents");
  show(none, !incidents?.length);
  if (!isNamed) setText(none, "Not known: no Alertmanager is named in the settings (web.alertmanager_url).");
  else if (!incidents) setText(none, "Not known: Alertmanager does not answer.");
  else setText(none, "Nothing fires.");
  list(byId("incidents"), incidents ?? [], (one) => `${one.name} ${one.service}`, createIncident, updateIncident);
}

function createIncident() {
  const head = make("p", { class: "incident-head" }, make("strong", { class: "state" }), make("span", { class: "incident-name" }), make("span", { class: "level" }), make("time"));
  const tail = make("p", { class: "tail" }, make("span", { class: "taken" }), make("a", { hidden: "" }, "Runbook"));
  return make("li", {}, head, make("p", { class: "summary" }), tail);
}

function updateIncident(element, one) {
  const isFiring = one.state === "firing";
  const [head, summary, tail] = element.children;
  const [taken, runbook] = tail.children;
  const [severity, name, level, since] = head.children;
  element.setAttribute("data-state", one.state);
  setState(severity, isFiring ? LEVEL_OF[one.severity] : "unknown", `${one.severity} ${one.priority}`.trim());
  setText(name, one.service ? `${one.name} on ${one.service}` : one.name);
  setText(level, `level ${one.level}`);
  setText(since, `for ${words.span(now() - one.since)}`);
  since.setAttribute("title", words.dateAndTime(one.since));
  setText(summary, one.summary || one.description);
  setText(taken, acknowledgement(one));
  const isLink = /^https?:\/\//.test(one.runbook);
  show(runbook, isLink);
  if (isLink) runbook.setAttribute("href", one.runbook);
}

function acknowledgement(one) {
  if (one.taken) {
    const comment = one.taken.comment ? `: ${one.taken.comment}` : "";
    return `Acknowledged by ${one.taken.by} until ${words.hourAndMinute(one.taken.until)}${comment}`;
  }
  return { firing: "Not acknowledged", silenced: "Silenced", inhibited: "Held back by another alert" }[one.state] ?? one.state;
}

function cell(kind = "", ...children) {
  return make("td", kind ? { class: kind } : {}, ...children);
}

function rowHead(...children) {
  return make("th", { scope: "row" }, ...children);
}

function drawDependencies() {
  const { dependencies } = page.state;
  show(byId("no-dependencies"), dependencies.length === 0);
  show(byId("dependency-table"), dependencies.length > 0);
  list(
    byId("dependency-rows"),
    dependencies,
    (one) => one.name,
    (one) => make("tr", {}, rowHead(words.name(one.name)), cell("state"), cell("number"), cell("wide")),
    (row, one) => {
      const why = one.why && one.why !== "ok" ? `: ${words.name(one.why)}` : "";
      const level = one.up ? "good" : one.name === "database" ? "critical" : "warning";
      setState(row.children[1], level, one.up ? "up" : `down${why}`);
      setText(row.children[2], one.up ? words.milliseconds(one.seconds) : words.NOT_KNOWN);
      setText(row.children[3], particulars(one));
    },
  );
}

function particulars(one) {
  if (one.hitRatio !== undefined && one.hitRatio !== null) return `${words.share(one.hitRatio)} of reads hit`;
  const { active, waiting, max } = one.connections ?? {};
  if (active === null || active === undefined) return "";
  if (!one.up) return "";
  const of = max === null ? "" : ` of ${words.count(max)}`;
  const connections = active === 1 && !of ? "connection" : "connections";
  return `${words.count(active)}${of} ${connections} busy${waiting ? `, ${words.count(waiting)} waiting` : ""}`;
}

function drawLatencies() {
  const { latencies } = page.state;
  show(byId("no-latencies"), latencies.length === 0);
  show(byId("latency-table"), latencies.length > 0);
  list(
    byId("latency-rows"),
    latencies,
    (one) => one.operation,
    (one) => make("tr", {}, rowHead(words.name(one.operation)), cell("number wide"), cell("number"), cell("number wide"), cell("number"), cell("curve-column wide", makeCurve(true)), cell("state")),
    (row, one) => {
      const [, p50, p95, p99, limit, curve, state] = row.children;
      setText(p50, words.milliseconds(one.p50));
      setText(p95, words.milliseconds(one.p95));
      setText(p99, words.milliseconds(one.p99));
      setText(limit, words.milliseconds(one.limit));
      setCurve(curve.firstChild, page.figures.get(`p95 ${one.operation}`) ?? [], one.limit);
      setState(state, ...kept(one));
    },
  );
}

function kept(one) {
  if (one.p95 === null) return ["unknown", "quiet"];
  if (one.limit === null) return ["unknown", "nothing promised"];
  return one.p95 > one.limit ? ["warning", "over"] : ["good", "kept"];
}

function drawCollectors() {
  const { collectors } = page.state;
  const good = collectors.filter((one) => one.isGood).length;
  setText(byId("collectors-sum"), `${good} of ${collectors.length} succeed`);
  const order = (one) => (one.isGood === false ? 0 : 1);
  list(
    byId("collector-rows"),
    [...collectors].sort((a, b) => order(a) - order(b)),
    (one) => one.name,
    (one) => make("li", {}, make("span", { class: "name" }, words.name(one.name)), make("span", { class: "state" }), make("span", { class: "number quiet" })),
    (row, one) => {
      const [, state, age] = row.children;
      const level = one.isGood === null ? "unknown" : one.isGood ? "good" : "warning";
      setState(state, level, one.outcome ? words.name(one.outcome) : "not yet");
      setText(age, one.lastSuccess === null ? "never" : `${words.age(now() - one.lastSuccess)} ago`);
      row.title = `${words.count(one.series)} series, ${words.count(one.failures)} failures since the start`;
    },
  );
}

// --- pools --------------------------------------------------------------------------------------------------------

function chosenPools() {
  const { pools } = page;
  const wanted = byId("find").value.trim().toLowerCase();
  const by = byId("sort").value;
  const indices = [...pools.names.keys()].filter((index) => !wanted || `${pools.names[index]} ${pools.labels[index]}`.toLowerCase().includes(wanted));
  if (by === "name") return indices.sort((a, b) => pools.names[a].localeCompare(pools.names[b]));
  if (by === "amount") return indices; // those below zero, then the largest: as they come
  const column = pools[by];
  return indices.sort((a, b) => (column[b] ?? -Infinity) - (column[a] ?? -Infinity));
}

function drawPools() {
  const { pools } = page;
  if (!pools) return;
  const chosen = chosenPools();
  const shown = chosen.slice(0, page.rows);
  const isFiltered = byId("find").value.trim() !== "";
  setText(byId("pools-sum"), pools.count ? `${words.count(pools.count)}, ${words.amount(pools.total)} in all` : "");
  show(byId("no-pools"), chosen.length === 0);
  show(byId("pool-table"), chosen.length > 0);
  setText(byId("no-pools"), pools.count && isFiltered ? "No pool is called so." : noPools());
  show(byId("more"), chosen.length > shown.length);
  const largest = pools.count > pools.names.length ? `; the ${words.count(pools.names.length)} largest are here` : "";
  setText(byId("shown"), chosen.length > shown.length || largest || isFiltered ? `${words.count(shown.length)} of ${words.count(isFiltered ? chosen.length : pools.count)} shown${largest}` : "");
  list(byId("pool-rows"), shown, (index) => keyOf(pools, index), createPool, updatePool);
}

function noPools() {
  const collector = page.state?.collectors.find((one) => one.name === "pools");
  if (!collector) return "No pools: no database is named in the settings.";
  if (collector.isGood === false) return `Not known now: collector pools fails (${words.name(collector.outcome)}).`;
  return collector.isGood ? "There are no pools." : "Not read yet.";
}

function createPool(index) {
  const { names, labels } = page.pools;
  const name = make("th", { scope: "row", class: "pool" }, make("bdi", {}, names[index]));
  if (labels[index]) name.append(" ", make("small", {}, make("bdi", {}, labels[index])));
  return make("tr", {}, name, cell("number"), cell("curve-column", makeCurve()), cell("number"), cell("number wide"), cell("number wide"), cell("number wide"), cell("state"));
}

function updatePool(row, index) {
  const { pools } = page;
  const [, amount, curve, growth, wins, won, written, state] = row.children;
  setText(amount, words.amount(pools.amounts[index]));
  setCurve(curve.firstChild, page.curves.get(keyOf(pools, index)) ?? []);
  setText(growth, words.growth(pools.growth[index]));
  setText(wins, words.count(pools.wins[index]));
  const wonAt = pools.wonAt[index];
  setText(won, wonAt === null ? words.NOT_KNOWN : `${words.amount(pools.wonAmount[index])}, ${words.age(now() - wonAt)} ago`);
  const writtenAt = pools.updatedAt[index];
  setText(written, writtenAt === null ? words.NOT_KNOWN : `${words.age(now() - writtenAt)} ago`);
  setState(state, ...poolState(pools, index));
}

function poolState(pools, index) {
  if (pools.amounts[index] < 0) return ["critical", "below zero"];
  const state = pools.state[index];
  if (state === "error") return ["critical", "error"];
  if (state === "active") return ["good", "active"];
  return ["unknown", state ?? "not known"];
}

// --- what the viewer does -----------------------------------------------------------------------------------------

byId("find").addEventListener("input", () => {
  page.rows = ROWS;
  drawPools();
  const { length } = page.pools ? chosenPools() : [];
  say(`${words.count(length)} pools`);
});
byId("sort").addEventListener("change", drawPools);
byId("more").addEventListener("click", () => {
  page.rows *= 2;
  drawPools();
});
byId("pause").addEventListener("click", () => {
  page.isPaused = !page.isPaused;
  page.pausedAt = Date.now() / 1000;
  byId("pause").setAttribute("aria-pressed", String(page.isPaused));
  draw();
});

setInterval(() => {
  watchSilence();
  if (link.lostAt !== null) drawLink();
}, 1000);
addEventListener("pageshow", (event) => event.persisted && connect());

drawLink();
connect();
