import { generateKey, publicKeyOf } from "#crypto";
import { type Enode, FairMix, makeEnode, type NodeSource } from "#enode";
import { describe, expect, test } from "vitest";
import { dialLimits, DialScheduler } from "./dial.ts";

const node = (port: number, ip = "127.0.0.1"): Enode =>
  makeEnode(publicKeyOf(generateKey()), { ip, tcp: port });
const [A, B, C] = [node(1), node(2), node(3)];
const self = node(9);

interface Round {
  readonly after?: number;
  readonly connected?: readonly Enode[];
  readonly inbound?: readonly Enode[];
  readonly failed?: readonly Enode[];
  readonly dropped?: readonly Enode[];
  readonly add?: readonly Enode[];
  readonly found?: readonly Enode[];
  readonly remove?: readonly Enode[];
  readonly dials: readonly Enode[];
}

function dialRounds(
  options: { maxDialed?: number; static?: readonly Enode[]; isAllowed?: (ip: string) => boolean },
  rounds: readonly Round[],
) {
  const scheduler = new DialScheduler({
    self: self.id,
    maxDialed: options.maxDialed ?? 0,
    isAllowed: options.isAllowed ?? (() => true),
  });
  const peers = new Map<string, { inbound: boolean; isStatic: boolean; node?: Enode }>();
  for (const entry of options.static ?? []) scheduler.addStatic(entry);
  let now = 0;
  for (const [i, round] of rounds.entries()) {
    now += round.after ?? 0;
    for (const one of round.connected ?? []) {
      const { id } = one;
      peers.set(id, { inbound: false, isStatic: scheduler.isStatic(id), node: one });
      scheduler.done(id, now);
    }
    for (const { id } of round.inbound ?? []) peers.set(id, { inbound: true, isStatic: false });
    for (const { id } of round.failed ?? []) scheduler.done(id, now);
    for (const { id } of round.dropped ?? []) peers.delete(id);
    for (const entry of round.add ?? []) scheduler.addStatic(entry);
    for (const entry of round.found ?? []) scheduler.addCandidate(entry);
    for (const { id } of round.remove ?? []) scheduler.removeStatic(id);
    const { dials } = scheduler.next(now, { peers });
    expect(dials.map(({ node: { tcp } }) => `round ${i}: ${tcp}`)).toEqual(
      round.dials.map(({ tcp }) => `round ${i}: ${tcp}`),
    );
  }
  return { scheduler, peers, now };
}

describe("DialScheduler", () => {
  test("DI-07 a quarter of the dynamic slots for one /16, one at least; our own networks may fill all", () => {
    const far = Array.from({ length: 6 }, (_, i) => node(100 + i, `203.0.${i}.1`));
    const other = node(200, "203.1.0.1");
    const near = Array.from({ length: 4 }, (_, i) => node(300 + i, `10.0.${i}.1`));
    dialRounds({ maxDialed: 8 }, [
      { found: far, dials: far.slice(0, 2) },
      { connected: far.slice(0, 2), found: [...far.slice(2, 4), other], dials: [other] },
      { connected: [other], found: near, dials: near },
      {
        after: 40_000,
        dropped: far.slice(0, 1),
        connected: near,
        found: far.slice(4),
        dials: far.slice(4, 5),
      },
    ]);
    const v6 = [node(1, "2001:db8::1"), node(2, "2001:db8:1::1")];
    dialRounds({ maxDialed: 3 }, [
      { found: [...v6, ...far], dials: [...v6.slice(0, 1), ...far.slice(0, 1)] },
    ]);
  });

  test("DI-07 false friends from one source, in two /24s without end: the other source is heard as often, and they get a quarter", async () => {
    let count = 0;
    const sourceOf = (name: string, ipOf: (n: number) => string): NodeSource => ({
      name,
      next: async () => node(1_000 + ++count, ipOf(count)),
      close() {},
    });
    const mix = new FairMix();
    mix.add(sourceOf("discv4", (n) => `203.0.${n % 2}.${n % 250}`));
    mix.add(sourceOf("dns", (n) => `${20 + (n % 150)}.1.0.1`));
    const scheduler = new DialScheduler({ self: self.id, maxDialed: 16, isAllowed: () => true });
    for (let i = 0; i < 64; i++) {
      const found = await mix.next();
      if (found !== undefined) scheduler.addCandidate(found);
    }
    const { dials } = scheduler.next(0, { peers: new Map() });
    const friends = dials.filter(({ node: { ip } }) => ip?.startsWith("203.0."));
    expect([dials.length, friends.length]).toEqual([16, 4]);
    mix.close();
  });

  test("DI-08 anchors go before whoever was found", () => {
    const [X, Y] = [node(11, "203.0.0.1"), node(12, "198.51.0.1")];
    const scheduler = new DialScheduler({ self: self.id, maxDialed: 1, isAllowed: () => true });
    scheduler.addCandidate(X);
    scheduler.addCandidate(Y, { isFirst: true });
    expect(scheduler.waiting).toBe(2);
    expect(scheduler.next(0, { peers: new Map() }).dials.map(({ node: { id } }) => id)).toEqual([Y.id]);
  });

  test("static nodes are dialled again after they drop, 30 s after their dial ended", () =>
    void dialRounds({ static: [A, B] }, [
      { dials: [A, B] },
      { connected: [A], failed: [B], dials: [] },
      { after: 29_999, dials: [] },
      { after: 1, dials: [B] },
      { dropped: [A], dials: [A] }, // its history ended with B's
    ]));

  test("a node that drops inside its history waits for it; wakeAt says until when", () => {
    const { scheduler, peers, now } = dialRounds({ static: [A] }, [
      { dials: [A] },
      { connected: [A], dials: [] },
      { after: 10_000, dropped: [A], dials: [] },
    ]);
    expect(scheduler.next(now, { peers }).wakeAt).toBe(30_000);
  });

  test("removing forgets the history: adding again dials at once", () =>
    void dialRounds({ static: [A] }, [
      { dials: [A] },
      { failed: [A], dials: [] },
      { remove: [A], dials: [] },
      { add: [A], dials: [A] },
    ]));

  test("a node connected from its side is not dialled; self, no address and net restriction never", () => {
    dialRounds({ static: [A, self], isAllowed: (ip) => ip !== "10.0.0.1" }, [
      { inbound: [A], add: [node(5, "10.0.0.1")], dials: [] },
      { dropped: [A], dials: [A] },
    ]);
    const scheduler = new DialScheduler({ self: self.id, maxDialed: 0, isAllowed: () => false });
    expect(scheduler.addStatic(A)).toBe(false);
    expect(scheduler.check(A, { peers: new Map() })).toBe("not contained in netrestrict whitelist");
    expect(scheduler.check(self, { peers: new Map() })).toBe("is self");
    expect(scheduler.check(makeEnode(A.publicKey), { peers: new Map() })).toBe("no address");
  });

  test("candidates fill the dynamic slots only; static dials do not count", () =>
    void dialRounds({ maxDialed: 2, static: [A] }, [
      { found: [B, C, node(4), node(4)], dials: [A, B, C] },
      { connected: [B], failed: [C], dials: [node(4)] },
      { dials: [] },
    ]));

  test("Trap 14: without dynamic slots nothing found is dialled, static nodes are", () =>
    void dialRounds({ maxDialed: 0, static: [A] }, [{ found: [B], dials: [A] }]));

  test("at most 16 dials at once, the rest in their order; candidates and history stay bounded", () => {
    const many = Array.from({ length: 20 }, (_, i) => node(100 + i));
    dialRounds({ static: many }, [
      { dials: many.slice(0, 16) },
      { failed: many.slice(0, 3), dials: many.slice(16, 19) },
    ]);
    const scheduler = new DialScheduler({ self: self.id, maxDialed: 1, isAllowed: () => true });
    for (let i = 0; i < dialLimits.maxCandidates + 50; i++) scheduler.addCandidate({ ...A, id: `${i}` });
    let dialed = 0;
    for (let now = 0; ; now += 1) {
      const [dial] = scheduler.next(now, { peers: new Map() }).dials;
      if (dial === undefined) break;
      dialed++;
      scheduler.done(dial.node.id, now);
    }
    expect(dialed).toBe(dialLimits.maxCandidates);
    scheduler.next(1e9, { peers: new Map() });
    expect(scheduler.historySize).toBe(0);
  });

  test("F21 a node of another chain is left alone for an hour, whoever named it; one that broke a rule, unless it was named", () => {
    const hour = dialLimits.avoidMs;
    const { scheduler } = dialRounds({ maxDialed: 4, static: [A, B] }, [{ found: [C], dials: [A, B, C] }]);
    for (const { id } of [A, B, C]) scheduler.done(id, 0);
    scheduler.avoid(A.id, "foreign", 1_000);
    scheduler.avoid(B.id, "long", 1_000);
    scheduler.avoid(C.id, "long", 1_000);
    scheduler.avoid(B.id, "short", 1_000);
    const dialled = (now: number) => {
      scheduler.addCandidate(C);
      return scheduler.next(now, { peers: new Map() }).dials.map(({ node: { tcp } }) => tcp);
    };
    expect(dialled(30_000)).toEqual([B.tcp]);
    scheduler.done(B.id, 30_000);
    expect(dialled(hour)).toEqual([B.tcp]);
    expect(dialled(hour + 1_000)).toEqual([A.tcp, C.tcp]);
  });

  test("nodes left alone stay bounded", () => {
    const scheduler = new DialScheduler({ self: self.id, maxDialed: 1, isAllowed: () => true });
    for (let i = 0; i < dialLimits.maxHistory + 50; i++) scheduler.avoid(`${i}`, "foreign", 0);
    expect(scheduler.historySize).toBe(dialLimits.maxHistory);
  });
});
