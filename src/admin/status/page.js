"use strict";
// Fetches /status.json every few seconds and writes the changes into the page. Text only, never markup: names and
// reasons come from people.
const EVERY_MS = 3000;
const PATIENCE_MS = 5000;
const WINDOW_MS = 10 * 60 * 1000;
const SPARK_MIN_MS = 60 * 1000;
const RATE_OVER_MS = 15 * 1000;
const EXPIRES_SOON_S = 30 * 86400;
const NOTES_MAX = 3;
const SVG = "http://www.w3.org/2000/svg";
const OUTCOMES = [["accepted", "Accepted"], ["rejected", "Rejected"], ["not_sent", "Not sent"], ["unknown", "Unknown"]];
const NOTIFICATIONS = [["accepted", "Accepted"], ["duplicate", "Duplicate"], ["bad_signature", "Bad signature"], ["malformed", "Malformed"], ["unavailable", "Not stored"]];
const WAITING = [["pending", "Pending"], ["retrying", "Retrying"], ["dead", "Dead letters"]];
const CIRCUITS = [["closed", "good"], ["half-open", "warn"], ["open", "bad"]];
const KEY_STATES = { in_use: ["in use", "good"], usable: ["usable", "good"], not_yet: ["not yet valid", ""], expired: ["expired", "bad"] };

const at = (id) => document.getElementById(id);
const histories = new Map();
const cards = new Map();
let build = null;
let startedAt = null;
let answeredAt = null;

// --- asking -------------------------------------------------------------------------------------------------------

async function ask() {
  const status = await answer();
  if (!status) return silent(true);
  // Another version may mean other figures under the same names: load its page.
  const told = status.build.version + " " + status.build.commit;
  if (build !== null && build !== told) return location.reload();
  build = told;
  answeredAt = new Date();
  silent(false);
  show(status);
}

// The answer of the sidecar; null when there is none.
async function answer() {
  try {
    const response = await fetch("status.json", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

async function poll() {
  try {
    if (!document.hidden) await ask();
  } finally {
    setTimeout(poll, EVERY_MS);
  }
}

function silent(is) {
  document.body.classList.toggle("silent", is);
  at("silence").hidden = !is;
  document.title = is ? "No answer – Countersign" : "Countersign";
  if (!is) return;
  write(at("silence"), answeredAt
    ? "No answer from the sidecar since " + clock(answeredAt) + ". What stands below was true then."
    : "The sidecar does not answer.");
  write(at("state"), "No answer");
  level(at("state"), "bad");
}

// --- showing ------------------------------------------------------------------------------------------------------

function show(status) {
  const now = status.now_ms / 1000;
  if (status.started_at !== startedAt) histories.clear();
  startedAt = status.started_at;
  for (const account of status.accounts) remember(account, status.now_ms);
  showSidecar(status, now);
  showAccounts(status.accounts);
  showInbox(status.accounts);
  showLimits(status.accounts);
  showKeys(status.accounts, now);
  showState(notes(status, now));
  at("main").hidden = false;
}

function showState(found) {
  const worst = found.some((note) => note[0] === "bad") ? "bad" : found.length ? "warn" : "good";
  const texts = found.slice(0, NOTES_MAX).map((note) => note[1]);
  if (found.length > NOTES_MAX) texts.push("and " + (found.length - NOTES_MAX) + " more");
  write(at("state"), found.length ? texts.join(" · ") : "All well");
  level(at("state"), worst);
}

// Problems that need attention, the worst first.
function notes(status, now) {
  const found = [];
  if (!status.store.ready) found.push(["bad", "the store cannot be written"]);
  if (status.configuration.last_reload_successful === 0) found.push(["warn", "the last reload failed"]);
  for (const account of status.accounts) {
    const note = (grade, text) => found.push([grade, account.name + ": " + text]);
    if (!account.keys.some((key) => key.state === "in_use")) note("bad", "no signing key is valid now");
    for (const [name, state] of Object.entries(account.circuits)) if (state === 2) note("bad", "the circuit for " + name + " is open");
    if (account.unknown.count > 0) note("warn", count(account.unknown.count) + " unresolved");
    if (account.inbox.dead > 0) note("warn", plural(account.inbox.dead, "dead letter"));
    if (account.frozen) note("warn", "frozen");
    const end = lastEnd(account);
    if (end > now && end - now < EXPIRES_SOON_S) note("warn", "last signing key ends in " + days(end - now));
  }
  return found.sort((one, other) => (one[0] === "bad" ? 0 : 1) - (other[0] === "bad" ? 0 : 1));
}

function showSidecar(status, now) {
  const settings = status.configuration;
  const reloads = Object.entries(settings.reloads).filter((one) => one[1] > 0).map((one) => count(one[1]) + " " + one[0]).join(", ");
  const reload = settings.last_reload_successful === null || (!reloads && settings.last_reload_successful !== 0)
    ? ["none yet", "as at the start"]
    : [settings.last_reload_successful === 0 ? "failed" : "done", [settings.last_reload_at ? "last good " + moment(settings.last_reload_at) : "", reloads].filter(Boolean).join("; ")];
  const facts = [
    ["Version", status.build.version || "–", status.build.commit || ""],
    ["Up for", status.started_at ? age(now - status.started_at) : "–", status.started_at ? "since " + moment(status.started_at) : ""],
    ["Store", status.store.ready ? "writable" : "not writable", status.store.reason || "journal and inbox"],
    ["Configuration", settings.hash.slice(0, 12), plural(status.accounts.length, "account")],
    ["Last reload", ...reload],
    ["Memory", status.resident_bytes ? Math.round(status.resident_bytes / 1048576) + " MiB" : "–", status.requests_without_account ? plural(status.requests_without_account, "request") + " to no account" : "resident"],
  ];
  fit(at("sidecar"), facts.length, () => box("div", box("dt"), box("dd", box("span"), box("small"))));
  write(at("updated"), "as of " + clock(new Date(status.now_ms)) + ", asked every " + EVERY_MS / 1000 + " s");
  facts.forEach(([name, value, more], index) => {
    const [term, detail] = at("sidecar").children[index].children;
    write(term, name);
    write(detail.children[0], value);
    write(detail.children[1], more);
  });
}

function showAccounts(accounts) {
  const names = new Set(accounts.map((account) => account.name));
  for (const [name, card] of cards) {
    if (names.has(name)) continue;
    card.remove();
    cards.delete(name);
  }
  accounts.forEach((account, index) => {
    if (!cards.has(account.name)) cards.set(account.name, newCard());
    const card = cards.get(account.name);
    if (at("accounts").children[index] !== card) at("accounts").insertBefore(card, at("accounts").children[index] || null);
    showCard(card, account);
  });
}

function newCard() {
  const tile = (name) => {
    const made = box("div", box("dt"), box("dd"), box("dd"), spark());
    made.className = "outcome";
    made.dataset.outcome = name;
    made.children[2].className = "rate";
    return made;
  };
  const tiles = box("dl", ...OUTCOMES.map(([name]) => tile(name)), tile("open"));
  tiles.className = "outcomes";
  const about = box("span");
  about.className = "about";
  const frozen = box("p");
  frozen.className = "frozen";
  const card = box("article", box("header", box("h3"), about), frozen, tiles);
  card.className = "account";
  return card;
}

function showCard(card, account) {
  const [head, frozen, tiles] = card.children;
  write(head.children[0], account.name);
  const total = OUTCOMES.reduce((sum, [name]) => sum + (account.requests[name] || 0), 0);
  write(head.children[1], [account.provider, account.environment, plural(total, "request"), count(account.in_flight) + " under way"].filter(Boolean).join(" · "));
  frozen.hidden = !account.frozen;
  if (account.frozen) write(frozen, "Frozen since " + moment(account.frozen.since_ms / 1000) + ": " + account.frozen.reason);
  const history = histories.get(account.name);
  OUTCOMES.forEach(([name, title], index) => {
    const value = account.requests[name] || 0;
    const rates = differences(history, name);
    level(tiles.children[index], value ? "" : "calm");
    showTile(tiles.children[index], title, count(value), [total ? share(value / total) : "", rate(recent(history, name))].filter(Boolean).join(" · "), rates, title + " per second");
  });
  const open = tiles.children[OUTCOMES.length];
  const waiting = account.unknown.count || 0;
  level(open, history.some((it) => it.open) ? "" : "calm");
  showTile(open, "Unresolved payments", count(waiting), waiting ? "oldest " + age(account.unknown.oldest_age_seconds || 0) : "nothing unknown", history.map((it) => ({ t: it.t, v: it.open })), "Unresolved payments");
}

function showTile(tile, title, value, more, points, described) {
  const [term, figure, below, chart] = tile.children;
  write(term, title);
  write(figure, value);
  write(below, more);
  draw(chart, points, described);
}

function showInbox(accounts) {
  const head = ["Account", ...NOTIFICATIONS.map((it) => it[1]), ...WAITING.map((it) => it[1]), "Oldest waiting", "Delivered", "Failed attempts"];
  const rows = accounts.map((account) => [
    account.name,
    ...NOTIFICATIONS.map(([name]) => figure(account.notifications[name], name === "bad_signature" || name === "unavailable" ? "warn" : "")),
    ...WAITING.map(([name]) => figure(account.inbox[name], name === "dead" ? "bad" : name === "retrying" ? "warn" : "")),
    account.delivers ? { text: account.inbox_oldest_age_seconds ? age(account.inbox_oldest_age_seconds) : "–" } : { text: "no delivery set up", grade: "calm" },
    figure(account.deliveries.delivered),
    figure(account.deliveries.failed, "warn"),
  ]);
  table(at("inbox"), "Notifications answered, and events on their way to the application", head, rows);
}

function showLimits(accounts) {
  const head = ["Account", "Circuit: create", "Circuit: query", "Refused: rate", "Refused: by provider", "Refused: money", "No answer", "Not sent", "Found out later", "Provider's clock"];
  const rows = accounts.map((account) => {
    const circuit = (name) => {
      const [text, grade] = CIRCUITS[account.circuits[name]] || ["–", "calm"];
      return { text, grade };
    };
    const limited = account.rate_limited;
    const skew = account.clock_skew_seconds;
    return [
      account.name,
      circuit("create"),
      circuit("query"),
      figure((limited.account || 0) + (limited.operation || 0), "warn"),
      figure(limited.provider, "warn"),
      figure(limited.money, "warn"),
      figure(account.attempts.no_answer, "warn"),
      figure(account.attempts.not_sent, "warn"),
      figure(Object.values(account.resolved).reduce((sum, value) => sum + value, 0)),
      { text: skew === null ? "not measured" : (skew > 0 ? "+" : "") + skew.toFixed(1) + " s", grade: skew !== null && Math.abs(skew) > 30 ? "warn" : undefined },
    ];
  });
  table(at("limits"), "Circuits, limits, attempts and clock by account", head, rows);
}

function showKeys(accounts, now) {
  const head = ["Account", "Key", "For", "State", "Valid from", "Valid until", "Last used"];
  const rows = accounts.flatMap((account) => account.keys.map((key) => [
    account.name,
    { text: key.id },
    { text: key.use === "sign" ? "signing our calls" : "verifying notifications" },
    keyState(key, lastEnd(account), now),
    { text: key.not_before ? moment(key.not_before) : "–" },
    { text: key.not_after ? moment(key.not_after) : "–" },
    { text: key.last_used ? age(Math.max(0, now - key.last_used)) + " ago" : "never" },
  ]));
  table(at("keys"), "Keys and their dates", head, rows);
}

// A key that ends soon is a problem when no other key is valid longer.
function keyState(key, end, now) {
  const [text, grade] = KEY_STATES[key.state] || [key.state, ""];
  const endsSoon = key.not_after && key.state !== "expired" && key.not_after - now < EXPIRES_SOON_S;
  if (!endsSoon) return { text, grade };
  return { text: text + ", expires in " + days(key.not_after - now), grade: key.not_after < end ? grade : "warn" };
}

// When the last signing key stops being valid, in seconds.
function lastEnd(account) {
  return Math.max(...account.keys.filter((key) => key.use === "sign").map((key) => key.not_after || Infinity));
}

// --- history and lines --------------------------------------------------------------------------------------------

function remember(account, t) {
  const history = histories.get(account.name) || [];
  const sample = { t, open: account.unknown.count || 0 };
  for (const [name] of OUTCOMES) sample[name] = account.requests[name] || 0;
  const last = history[history.length - 1];
  if (last && (t < last.t || OUTCOMES.some(([name]) => sample[name] < last[name]))) history.length = 0;
  if (!last || t > last.t || !history.length) history.push(sample);
  while (history.length > 2 && t - history[0].t > WINDOW_MS) history.shift();
  histories.set(account.name, history);
}

function differences(history, name) {
  return history.slice(1).map((sample, index) => ({ t: sample.t, v: (sample[name] - history[index][name]) / ((sample.t - history[index].t) / 1000) }));
}

// Per second over the last moments; null while there is only one sample.
function recent(history, name) {
  const last = history[history.length - 1];
  const first = history.find((sample) => last.t - sample.t <= RATE_OVER_MS);
  return first === last ? null : (last[name] - first[name]) / ((last.t - first.t) / 1000);
}

function spark() {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("class", "spark");
  picture.setAttribute("viewBox", "0 0 100 30");
  picture.setAttribute("preserveAspectRatio", "none");
  picture.setAttribute("role", "img");
  for (const name of ["floor", "area", "line"]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", name);
    picture.append(path);
  }
  picture.children[0].setAttribute("d", "M0 30H100");
  return picture;
}

function draw(picture, points, described) {
  const peak = points.reduce((most, point) => Math.max(most, point.v), 0);
  const now = points.length ? points[points.length - 1].v : 0;
  picture.setAttribute("aria-label", described + ": now " + short(now) + ", at most " + short(peak));
  const end = points.length ? points[points.length - 1].t : 0;
  const span = points.length ? Math.max(SPARK_MIN_MS, end - points[0].t) : 1;
  const places = points.map((point) => (100 - ((end - point.t) / span) * 100).toFixed(2) + " " + (peak ? 29 - (point.v / peak) * 27 : 30).toFixed(2));
  const line = peak && places.length > 1 ? "M" + places.join("L") : "";
  picture.children[2].setAttribute("d", line);
  picture.children[1].setAttribute("d", line ? line + "V30H" + places[0].split(" ")[0] + "Z" : "");
}

// --- the page's pieces --------------------------------------------------------------------------------------------

// Changes a text only if it differs, so that nothing flickers and a selection stays.
function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function level(node, grade) {
  if (grade) node.dataset.level = grade;
  else delete node.dataset.level;
}

function box(name, ...children) {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}

function fit(parent, length, make) {
  while (parent.children.length > length) parent.lastElementChild.remove();
  while (parent.children.length < length) parent.append(make());
}

// A figure that matters when it is not 0.
function figure(value, grade) {
  return { text: value === undefined || value === null ? "–" : count(value), isNumber: true, isZero: !value, grade: value ? grade : undefined };
}

function table(node, caption, head, rows) {
  if (!node.tHead) {
    write(node.createCaption(), caption);
    const row = node.createTHead().insertRow();
    for (const title of head) {
      const cell = box("th", title);
      cell.scope = "col";
      row.append(cell);
    }
    node.append(box("tbody"));
  }
  const body = node.tBodies[0];
  fit(body, rows.length, () => {
    const first = box("th");
    first.scope = "row";
    return box("tr", first, ...head.slice(1).map(() => box("td", box("span"))));
  });
  rows.forEach(([name, ...cells], index) => {
    const row = body.rows[index];
    write(row.cells[0], name);
    cells.forEach((cell, place) => {
      const shown = row.cells[place + 1];
      const inner = shown.firstElementChild;
      write(inner, cell.text);
      inner.className = cell.grade === undefined || cell.grade === "" ? "" : "tag";
      level(inner, cell.grade === "calm" ? "" : cell.grade);
      shown.className = (cell.isNumber ? "number" : "") + (cell.isZero ? " zero" : "");
      node.tHead.rows[0].cells[place + 1].className = cell.isNumber ? "number" : "";
    });
  });
}

// --- words --------------------------------------------------------------------------------------------------------

function count(value) {
  return Math.round(value || 0).toLocaleString("en-US");
}

function plural(value, word) {
  return count(value) + " " + word + (Math.round(value) === 1 ? "" : "s");
}

function share(part) {
  return (part * 100).toFixed(part > 0 && part < 0.0995 ? 1 : 0) + " %";
}

function rate(perSecond) {
  if (perSecond === null || perSecond === 0) return "";
  return perSecond >= 1 ? perSecond.toFixed(1) + "/s" : (perSecond * 60).toFixed(1) + "/min";
}

function short(value) {
  return value === 0 ? "0" : value.toPrecision(2);
}

function age(seconds) {
  for (const [unit, length] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= 2 * length) return Math.floor(seconds / length) + " " + unit;
  }
  return Math.floor(seconds) + " s";
}

function days(seconds) {
  return seconds >= 86400 ? plural(Math.floor(seconds / 86400), "day") : age(seconds);
}

function two(value) {
  return String(value).padStart(2, "0");
}

function clock(date) {
  return two(date.getHours()) + ":" + two(date.getMinutes()) + ":" + two(date.getSeconds());
}

function moment(seconds) {
  const date = new Date(seconds * 1000);
  return date.getFullYear() + "-" + two(date.getMonth() + 1) + "-" + two(date.getDate()) + " " + two(date.getHours()) + ":" + two(date.getMinutes());
}

document.addEventListener("visibilitychange", () => document.hidden || ask());
poll();
