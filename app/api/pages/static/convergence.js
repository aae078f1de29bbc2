// Asks the shop's API every two seconds, as long as somebody looks, and shows what it says. Nothing here talks to any
// other host.

import { grouped, lasting, o_clock, plural, put, say } from "./draw.js";
import { Followers, lagLine, REMEMBERED, showDivergences, stateOf, wrongTopics } from "./tables.js";

const EVERY = 2_000;
// What takes long is asked for less often: the shop works for this page a fifth of its time at most.
const RESTS = 4;
const PATIENCE = 10_000;
const LONGEST_PAUSE = 20_000;
const FEW_FOLLOWERS = 100;
const ALL_FOLLOWERS = 1_000;
const PAGE = 10;
const TOKEN = "feira-token";

const $ = (id) => document.getElementById(id);
const QUERY = $("query").content.textContent.trim();

/** The server said no: `code` as in its errors. */
class Refused extends Error {
  constructor(message, code, retryAfter) {
    super(message);
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

const followers = new Followers($("followers").tBodies[0]);
const state = {
  token: null,
  timer: null,
  asking: null,
  paused: false,
  failures: 0,
  // The feed's heads and the lags that were seen, the newest last.
  epoch: null,
  heads: [],
  lags: new Map(),
  worst: [],
  states: null,
  most: FEW_FOLLOWERS,
  // The cursors that the pages of divergences began after; the last one is shown.
  pages: [null],
};

// --- Asking

async function ask(token, signal) {
  const response = await fetch("/graphql", {
    method: "POST",
    signal,
    cache: "no-store",
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      accept: "application/graphql-response+json",
      "accept-language": "en",
    },
    body: JSON.stringify({
      query: QUERY,
      variables: { followers: state.most, divergences: PAGE + 1, after: state.pages.at(-1) },
    }),
  });
  const body = await response.json().catch(() => null);
  const error = body?.errors?.[0];
  if (!body?.data?.convergence) {
    const message = error?.message || `The shop answered with status ${response.status}.`;
    throw new Refused(message, error?.extensions?.code, Number(response.headers.get("retry-after")) || 0);
  }
  // The times in the answer are by the shop's clock, which need not be this machine's.
  const now = Date.parse(response.headers.get("date")) || Date.now();
  return { found: body.data.convergence, now, complaint: error?.message };
}

async function look() {
  clearTimeout(state.timer);
  state.asking?.abort();
  const asking = (state.asking = new AbortController());
  const patience = setTimeout(() => asking.abort(), PATIENCE);
  let pause = EVERY;
  try {
    const began = performance.now();
    const answer = await ask(state.token, asking.signal);
    if (state.asking !== asking) return;
    pause = Math.max(EVERY, RESTS * (performance.now() - began));
    state.failures = 0;
    open();
    show(answer);
    trouble(answer.complaint ? `Not all could be read: ${answer.complaint}` : null);
    freshness(state.paused ? "still" : "good", `Updated ${o_clock(new Date())}`);
  } catch (error) {
    if (state.asking !== asking) return;
    if (["UNAUTHENTICATED", "FORBIDDEN"].includes(error.code)) {
      leave(error.code === "FORBIDDEN" ? `This token may not see the feed. ${error.message}` : error.message);
      return;
    }
    pause = failed(error);
  } finally {
    clearTimeout(patience);
    if (state.asking === asking) state.asking = null;
  }
  if (state.token && !state.paused && !document.hidden) state.timer = setTimeout(look, pause);
}

/** Say why nothing new is shown; how long to wait before the next try. */
function failed(error) {
  const pause = Math.max(Math.min(LONGEST_PAUSE, EVERY * 2 ** state.failures), (error.retryAfter || 0) * 1_000);
  state.failures += 1;
  const why = error instanceof Refused ? error.message : "The shop cannot be reached.";
  if ($("board").hidden) {
    gate(`${why} Trying again.`);
    return pause;
  }
  trouble(`${why} What is shown is as it was then; trying again.`);
  freshness("bad", state.failures > 1 ? `No answer, ${plural(state.failures, "try", "tries")}` : "No answer");
  $("board").classList.add("stale");
  return pause;
}

// --- Showing

function show({ found, now }) {
  $("board").classList.remove("stale");
  if (state.epoch !== found.epoch) {
    Object.assign(state, { epoch: found.epoch, heads: [], lags: new Map(), worst: [] });
  }
  remember(found);
  figures(found);
  verdict(found);
  const some = found.followers.length > 0;
  $("no-followers").hidden = some;
  $("followers-card").hidden = !some;
  $("all-followers").hidden = found.followers.length < FEW_FOLLOWERS || state.most === ALL_FOLLOWERS;
  const capped = found.followers.length === state.most;
  say($("followers-count"), some ? `${grouped(found.followers.length)}${capped ? ", the furthest behind" : ""}` : "");
  followers.show(found.followers, state.lags, now);
  announce(found.followers);
  divergences(found, now);
}

function remember({ head, followers: all }) {
  const moment = performance.now();
  state.heads.push([moment, BigInt(head)]);
  while (state.heads.length > 2 && moment - state.heads[0][0] > 60_000) state.heads.shift();
  const there = new Map();
  for (const { id, lag } of all) there.set(id, [...(state.lags.get(id) || []), lag].slice(-REMEMBERED));
  state.lags = there;
  state.worst = [...state.worst, Math.max(0, ...all.map((one) => one.lag))].slice(-REMEMBERED);
}

function figures(found) {
  say($("head"), grouped(found.head));
  say($("epoch"), `kept from ${grouped(found.oldestKept)} · epoch ${found.epoch.slice(0, 8)}`);
  $("epoch").title = `Epoch ${found.epoch}`;
  const [[began, from], [ended, to]] = [state.heads[0], state.heads.at(-1)];
  const seconds = (ended - began) / 1_000;
  const rate = seconds ? Number(to - from) / seconds : 0;
  say($("rate"), seconds ? (rate < 10 ? rate.toFixed(1) : grouped(Math.round(rate))) : "–");
  say($("rate-of"), seconds ? `over the last ${lasting(Math.max(1, Math.round(seconds)))}` : "after the next look");
  const { waiting, seconds: delay } = found.numbering;
  say($("delay"), lasting(delay));
  $("delay").dataset.tone = lateness(delay);
  say($("waiting"), `${waiting ? plural(waiting, "change waits", "changes wait") : "nothing waits"} for a position`);
  const slowest = Math.max(0, ...found.followers.map((one) => one.lagSeconds));
  say($("worst"), found.followers.length ? lasting(slowest) : "–");
  const tone = slowest > 60 ? "warn" : "good";
  $("worst").dataset.tone = tone;
  const drawn = found.followers.length && state.worst.length > 1;
  put($("worst-chart"), `${drawn}${tone}${state.worst.join()}`, () => (drawn ? lagLine(state.worst, tone, 20) : null));
}

/** Numbering takes milliseconds; seconds mean that no process does it. */
function lateness(seconds) {
  return seconds > 10 ? "bad" : seconds > 2 ? "warn" : "good";
}

function verdict(found) {
  const count = (state) => found.followers.filter((one) => one.state === state).length;
  const wrong = found.followers.filter((one) => wrongTopics(one).length).length;
  const [lost, failing, behind, paused] = ["NEEDS_SNAPSHOT", "FAILING", "BEHIND", "PAUSED"].map(count);
  const told = [];
  const late = lateness(found.numbering.seconds) !== "good";
  if (late) told.push("nobody numbers what changes");
  if (found.divergenceCount) told.push(`channels are at odds in ${plural(found.divergenceCount, "place", "places")}`);
  if (wrong) told.push(plural(wrong, "copy is wrong", "copies are wrong"));
  if (lost) told.push(plural(lost, "follower needs a snapshot", "followers need a snapshot"));
  if (failing) told.push(plural(failing, "webhook fails", "webhooks fail"));
  if (behind) told.push(plural(behind, "follower is behind", "followers are behind"));
  const bad = late || found.divergenceCount || wrong || lost || failing;
  const text = told.length ? told.slice(0, 2).join(", and ") : "everybody has what there is";
  $("verdict").dataset.tone = bad ? "bad" : behind ? "warn" : "good";
  say($("verdict-text"), `${text[0].toUpperCase()}${text.slice(1)}.`);
  const more = told.slice(2);
  if (paused) more.push(plural(paused, "webhook is paused", "webhooks are paused"));
  if (!found.followers.length) more.push("nobody follows under a name yet");
  if (!found.checkedAt) more.push("the channels have not been compared yet");
  const calm = "All followers and all channels, as far as the last look goes.";
  say($("verdict-more"), more.length ? `Also: ${more.join(", ")}.` : calm);
}

/** Tell who listens of followers that are not as they were. */
function announce(all) {
  const before = state.states;
  state.states = new Map(all.map((one) => [one.id, one.state]));
  if (!before) return;
  const changed = all.filter((one) => before.has(one.id) && before.get(one.id) !== one.state);
  const told = changed.slice(0, 3).map((one) => `${one.name}: ${stateOf(one).word}.`);
  if (told.length) say($("told"), told.join(" "));
}

function divergences(found, now) {
  const shown = found.divergences.slice(0, PAGE);
  if (!shown.length && state.pages.length > 1) {
    // They were put right while somebody looked at a later page.
    state.pages = [null];
    look();
    return;
  }
  state.last = shown.at(-1)?.cursor;
  const checked = found.checkedAt && o_clock(new Date(found.checkedAt));
  say($("sweep"), checked ? `${plural(found.checkedVariants, "variant", "variants")} compared at ${checked}` : "");
  $("no-divergences").hidden = shown.length > 0;
  $("divergences-card").hidden = !shown.length;
  say(
    $("no-divergences"),
    checked
      ? "The channels agree: none shows a price or an availability that another does not, but where a rule says so."
      : "The first comparison of all channels is not over yet; one is made every five minutes.",
  );
  showDivergences($("divergences").tBodies[0], shown, now);
  const more = found.divergences.length > PAGE;
  $("pages").hidden = !more && state.pages.length === 1;
  $("newer").disabled = state.pages.length === 1;
  $("older").disabled = !more;
  const first = (state.pages.length - 1) * PAGE + 1;
  say($("page-of"), `${grouped(first)} to ${grouped(first + shown.length - 1)} of ${grouped(found.divergenceCount)}`);
}

function trouble(text) {
  $("trouble").hidden = !text;
  say($("trouble"), text || "");
}

function freshness(tone, text) {
  $("dot").dataset.tone = tone;
  say($("freshness"), text);
}

// --- Coming and going

function gate(reason) {
  const again = !$("gate").hidden;
  $("board").hidden = $("session").hidden = true;
  $("gate").hidden = false;
  $("refused").hidden = !reason;
  say($("refused"), reason || "");
  $("enter").disabled = false;
  if (again) return;
  $("token").focus();
}

function open() {
  if ($("gate").hidden && !$("board").hidden) return;
  sessionStorage.setItem(TOKEN, state.token);
  $("token").value = "";
  $("gate").hidden = true;
  $("board").hidden = $("session").hidden = false;
  $("main").focus();
}

function leave(reason) {
  clearTimeout(state.timer);
  state.asking?.abort();
  sessionStorage.removeItem(TOKEN);
  Object.assign(state, { token: null, asking: null, failures: 0, epoch: null, states: null });
  Object.assign(state, { pages: [null], most: FEW_FOLLOWERS });
  followers.show([], new Map(), 0);
  gate(reason);
}

function enter(text) {
  const token = text.trim().replace(/^(authorization:\s*)?bearer\s+/i, "");
  if (!/^[\x21-\x7e]+$/.test(token)) {
    gate("That is no token: it is one word, as it was printed.");
    return;
  }
  state.token = token;
  $("enter").disabled = true;
  look();
}

function turn(pages) {
  state.pages = pages;
  $("divergences-title").focus();
  look();
}

$("gate").addEventListener("submit", (event) => {
  event.preventDefault();
  enter($("token").value);
});
$("leave").addEventListener("click", () => leave(null));
$("pause").addEventListener("click", () => {
  state.paused = !state.paused;
  $("pause").setAttribute("aria-pressed", String(state.paused));
  say($("pause"), state.paused ? "Go on" : "Pause");
  if (state.paused) {
    clearTimeout(state.timer);
    $("dot").dataset.tone = "still";
  } else look();
});
$("all-followers").addEventListener("click", () => {
  state.most = ALL_FOLLOWERS;
  look();
});
$("older").addEventListener("click", () => turn([...state.pages, state.last]));
$("newer").addEventListener("click", () => turn(state.pages.slice(0, -1)));
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && state.token && !state.paused) look();
});
window.addEventListener("online", () => state.token && !state.paused && look());

const kept = sessionStorage.getItem(TOKEN);
if (kept) enter(kept);
else gate(null);
