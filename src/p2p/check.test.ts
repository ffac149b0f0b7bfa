import { describe, expect, test } from "vitest";
import { checkAdmission, maxDialedConns } from "./check.ts";

const SELF = "0f";
const NEW = "01";

/** The table of geth p2p/server.go:792-805@v1.8.27, read top down. */
function want(c: {
  trusted: boolean;
  isStatic: boolean;
  inbound: boolean;
  id: string;
  peers: number;
  inboundPeers: number;
  max: number;
  dialed: number;
}): string {
  if (!c.trusted && !c.isStatic && c.peers >= c.max) return "P2P_TOO_MANY_PEERS";
  if (!c.trusted && c.inbound && c.inboundPeers >= c.max - c.dialed) return "P2P_TOO_MANY_PEERS";
  if (c.id !== SELF && c.id !== NEW) return "P2P_ALREADY_CONNECTED";
  return c.id === SELF ? "P2P_SELF" : "ok";
}

describe("T9 the check table", () => {
  test.each([0, 1, 2, 3, 25])(
    "maxPeers %i: every mix of trusted, static, inbound, room, known and self",
    (maxPeers) => {
      for (const noDiscovery of [true, false])
        for (const trusted of [true, false])
          for (const isStatic of [true, false])
            for (const inbound of [true, false])
              for (const count of new Set([0, 1, maxPeers - 1, maxPeers, maxPeers + 1].filter((n) => n >= 0)))
                for (const inboundPeers of new Set([0, Math.floor(count / 2), count]))
                  for (const kind of ["new", "known", "self"] as const) {
                    const peers = new Map(
                      Array.from({ length: count }, (_, i) => [`peer${i}`, { inbound: i < inboundPeers }]),
                    );
                    const id = kind === "new" ? NEW : kind === "self" ? SELF : "peer0";
                    if (kind === "known" && count === 0) continue;
                    const maxDialed = maxDialedConns({ maxPeers, dialRatio: 3, noDiscovery, noDial: false });
                    // a static node that dials us gets no privilege: the flag is only set on what we dialled (Trap 13)
                    const counts = isStatic && !inbound;
                    const error = checkAdmission(
                      { id, inbound, isStatic: counts, isTrusted: trusted },
                      { self: SELF, maxPeers, maxDialed, peers },
                    );
                    const got = error === undefined ? "ok" : (error as { code?: string }).code; // P2pError
                    expect(got).toBe(
                      want({
                        trusted,
                        isStatic: counts,
                        inbound,
                        id,
                        peers: count,
                        inboundPeers,
                        max: maxPeers,
                        dialed: maxDialed,
                      }),
                    );
                  }
    },
  );

  test("a static flag on an inbound connection counts for nothing", () => {
    const full = { self: SELF, maxPeers: 0, maxDialed: 0, peers: new Map() };
    expect(checkAdmission({ id: NEW, inbound: true, isStatic: true, isTrusted: false }, full)).toMatchObject({
      disconnect: 4,
    });
    expect(
      checkAdmission({ id: NEW, inbound: false, isStatic: true, isTrusted: false }, full),
    ).toBeUndefined();
    expect(
      checkAdmission({ id: NEW, inbound: true, isStatic: false, isTrusted: true }, full),
    ).toBeUndefined();
  });

  test("Trap 14: dial arithmetic", () => {
    const dials = (maxPeers: number, more = {}) =>
      maxDialedConns({ maxPeers, dialRatio: 3, noDiscovery: false, noDial: false, ...more });
    expect([0, 1, 2, 3, 25, 50].map((n) => dials(n))).toEqual([0, 0, 0, 1, 8, 16]);
    expect([
      dials(25, { noDiscovery: true }),
      dials(25, { noDial: true }),
      dials(25, { dialRatio: 1 }),
    ]).toEqual([0, 0, 25]);
  });
});
