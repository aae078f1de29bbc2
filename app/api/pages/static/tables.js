// The two tables: a row for each follower, which stays the same row while it changes, and a page of divergences.

import { ago, el, grouped, lasting, pill, plural, put, sparkline, time } from "./draw.js";

export const REMEMBERED = 60;

const STATES = {
  NEEDS_SNAPSHOT: { word: "Needs a snapshot", tone: "bad", rank: 0 },
  FAILING: { word: "Failing", tone: "bad", rank: 1 },
  BEHIND: { word: "Behind", tone: "warn", rank: 2 },
  PAUSED: { word: "Paused", tone: "still", rank: 3 },
  FOLLOWING: { word: "Following", tone: "good", rank: 4 },
};
const KINDS = { device: "Till", client: "API client", staff: "Staff", webhook: "Webhook" };
const ASPECTS = { PRICE_LISTED: "Price listed", PRICE_ASKED: "Price asked", AVAILABILITY: "Availability" };
const COLUMNS = ["Follower", "State", "Position", "Lag", "Last two minutes", "Its copy", "Last heard"];

export function stateOf(follower) {
  return STATES[follower.state] || { word: follower.state, tone: "warn", rank: 2 };
}

export function wrongTopics(follower) {
  return follower.digests.filter((digest) => !digest.matches).map((digest) => digest.topic);
}

/** Those who need somebody first, then the furthest behind. */
export function inOrder(followers) {
  const rank = (one) => (wrongTopics(one).length ? Math.min(1, stateOf(one).rank) : stateOf(one).rank);
  const worst = (one) => [rank(one), -one.lagSeconds, -one.lag];
  return [...followers].sort((one, other) => {
    const [mine, theirs] = [worst(one), worst(other)];
    const place = mine.findIndex((value, index) => value !== theirs[index]);
    if (place >= 0) return mine[place] - theirs[place];
    return one.name.localeCompare(other.name) || one.id.localeCompare(other.id);
  });
}

/** The followers' rows. `lags`: the last lags of each, by id, the newest last. */
export class Followers {
  constructor(body) {
    this.body = body;
    this.rows = new Map();
  }

  show(followers, lags, now) {
    const shown = inOrder(followers);
    const ids = new Set(shown.map((follower) => follower.id));
    for (const [id, row] of this.rows) {
      if (ids.has(id)) continue;
      row.remove();
      this.rows.delete(id);
    }
    shown.forEach((follower, place) => {
      const row = this.rows.get(follower.id) || this.made(follower);
      this.fill(row.children, follower, lags.get(follower.id) || [], now);
      // Only what stands elsewhere is moved.
      if (this.body.children[place] !== row) this.body.insertBefore(row, this.body.children[place] || null);
    });
  }

  made(follower) {
    const cells = COLUMNS.map((label, place) =>
      place === 0
        ? el("th", { scope: "row", role: "rowheader" })
        : el("td", { role: "cell", "data-label": label, class: place === 2 || place === 3 ? "number" : null }),
    );
    const row = el("tr", { role: "row" }, cells);
    this.rows.set(follower.id, row);
    return row;
  }

  fill([name, state, position, lag, trend, copy, heard], follower, lags, now) {
    const { word, tone } = stateOf(follower);
    put(name, follower.name + whose(follower) + follower.webhook?.url, () => [
      follower.name,
      el("span", { class: "small" }, whose(follower)),
      // What stands behind the question mark is often a password.
      follower.webhook ? el("span", { class: "small" }, follower.webhook.url.split("?")[0]) : null,
    ]);
    const reasons = reasonsOf(follower, now);
    put(state, word + reasons.join(), () =>
      el("div", {}, pill(word, tone), reasons.map((text) => el("span", { class: `small ${tone}` }, text))),
    );
    put(position, follower.position, () => el("div", {}, grouped(follower.position)));
    put(lag, `${follower.lag} ${lasting(follower.lagSeconds)}`, () =>
      el(
        "div",
        {},
        grouped(follower.lag),
        el("span", { class: "small" }, follower.lag ? lasting(follower.lagSeconds) : "has all"),
      ),
    );
    put(trend, tone + lags.join(), () => lags.length > 1 ? lagLine(lags, tone) : el("span", { class: "small" }, "–"));
    put(copy, JSON.stringify(follower.digests) + minute(now), () => el("div", {}, copyOf(follower, now)));
    put(heard, ago(follower.lastSeenAt, now), () => el("div", {}, time(follower.lastSeenAt, now)));
  }
}

export function lagLine(lags, tone, height = 26) {
  const [first, most, last] = [lags[0], Math.max(...lags), lags.at(-1)].map(grouped);
  const told = `Lag in positions: ${first} at first, ${most} at most, ${last} now`;
  return sparkline(lags, { most: REMEMBERED, tone, told, height });
}

function minute(now) {
  return Math.floor(now / 60_000);
}

function whose(follower) {
  const kind = KINDS[follower.kind] || follower.kind;
  const of = follower.credential;
  if (!of) return kind;
  return [kind, ...new Set([of.register?.code, of.name].filter(Boolean))].join(" · ");
}

function reasonsOf({ webhook }, now) {
  if (!webhook) return [];
  const reasons = [];
  if (webhook.failingSince) {
    const failed = plural(webhook.consecutiveFailures, "attempt", "attempts");
    reasons.push(`${failed} failed, the first ${ago(webhook.failingSince, now)}`);
  }
  if (webhook.lastError) reasons.push(webhook.lastError);
  if (webhook.waiting) reasons.push(`${plural(webhook.waiting, "delivery waits", "deliveries wait")}`);
  if (webhook.missed) reasons.push(`missed ${grouped(webhook.missed.after)} to ${grouped(webhook.missed.upTo)}`);
  return reasons;
}

function copyOf(follower, now) {
  if (follower.kind === "webhook") return el("span", { class: "small" }, "no copy to compare");
  if (!follower.digests.length) return el("span", { class: "small" }, "not compared yet");
  const wrong = wrongTopics(follower);
  const right = follower.digests.length - wrong.length;
  const last = follower.digests.map((digest) => digest.comparedAt).sort().at(-1);
  const well = `✓ ${plural(right, "topic is", "topics are")} right`;
  return [
    wrong.length ? el("div", { class: "bad-text" }, `✗ ${wrong.join(", ")}`) : null,
    right ? el("div", { class: "good-text", title: rightTopics(follower) }, well) : null,
    el("span", { class: "small" }, "compared ", time(last, now)),
  ];
}

function rightTopics(follower) {
  return follower.digests.filter((digest) => digest.matches).map((digest) => digest.topic).join(", ");
}

/** A page of divergences in place of the one before. */
export function showDivergences(body, divergences, now) {
  put(body, JSON.stringify(divergences) + minute(now), () => divergences.map((one) => divergenceRow(one, now)));
}

function divergenceRow(one, now) {
  const { sku, name, product } = one.variant;
  const exactly = name === product.name ? sku : `${name} · ${sku}`;
  const cell = (label, content) => el("td", { role: "cell", "data-label": label }, content);
  return el(
    "tr",
    { role: "row" },
    el("th", { scope: "row", role: "rowheader" }, product.name, el("span", { class: "small" }, exactly)),
    cell("What differs", el("div", {}, aspectOf(one), el("span", { class: "small" }, one.rule))),
    cell("Each shows", el("dl", { class: "values" }, valuesOf(one))),
    cell("Since", el("div", {}, time(one.since, now))),
  );
}

function aspectOf(one) {
  const aspect = ASPECTS[one.aspect];
  if (!aspect) return one.what;
  return one.location ? `${aspect} at ${one.location}` : aspect;
}

/** Each channel with what it shows; those that most do not show stand out, where most agree at all. */
function valuesOf(one) {
  const counts = new Map();
  for (const { value } of one.values) counts.set(value, (counts.get(value) || 0) + 1);
  const most = Math.max(0, ...counts.values());
  const agreed = [...counts.values()].filter((count) => count === most).length === 1;
  return one.values.map(({ channel, value }) =>
    el("div", { class: agreed && counts.get(value) < most ? "odd" : null }, el("dt", {}, channel), el("dd", {}, value)),
  );
}
