import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ClientEstimate, ServerBuffer } from "./index.ts";
import type { Ticket } from "./server.ts";

const params = { bufferLimit: 1_000, minRecharge: 10 };

describe("the client's estimate", () => {
  test("starts full; a request takes its price; the server's word lifts it again", () => {
    const estimate = new ClientEstimate(params, 0);
    expect(estimate.value(0)).toBe(1_000);
    estimate.sent(1, 400, 0);
    estimate.sent(2, 300, 0);
    expect(estimate.value(0)).toBe(300);
    // the value in the reply to the first knows nothing of the second
    expect(estimate.replied(1, 900, 5)).toBe(true);
    expect(estimate.value(5)).toBe(600);
    expect(estimate.replied(2, 1_000, 5)).toBe(true);
    expect(estimate.value(5)).toBe(1_000);
    expect(estimate.pending).toBe(0);
  });

  test("a reply never lowers it, an unknown or doubled one changes nothing", () => {
    const estimate = new ClientEstimate(params, 0);
    estimate.sent(1, 100, 0);
    expect(estimate.replied(7, 0, 1)).toBe(false);
    expect(estimate.replied(1, 0, 1)).toBe(true);
    expect(estimate.value(1)).toBe(900);
    expect(estimate.replied(1, 0, 1)).toBe(false);
  });

  test("LE-04 a forged buffer value above the limit counts as the limit", () => {
    const estimate = new ClientEstimate(params, 0);
    estimate.sent(1, 600, 0);
    estimate.sent(2, 100, 0);
    estimate.replied(1, Number.MAX_SAFE_INTEGER, 0);
    expect(estimate.value(0)).toBe(900);
  });

  test("waiting time is the deficit over the recharge, with one millisecond kept back", () => {
    const estimate = new ClientEstimate(params, 0);
    estimate.sent(1, 900, 0);
    estimate.replied(1, 100, 0);
    expect(estimate.waitMs(90, 0)).toBe(0);
    expect(estimate.waitMs(91, 0)).toBeCloseTo(0.1);
    expect(estimate.waitMs(200, 0)).toBe(11);
    expect(estimate.waitMs(200, 11)).toBe(0);
    // more than the whole buffer: when it is full
    expect(estimate.waitMs(5_000, 11)).toBe(79);
  });

  test("what only a reply can make possible waits for ever, by the clock alone", () => {
    const estimate = new ClientEstimate(params, 0);
    estimate.sent(1, 500, 0);
    expect(estimate.waitMs(600, 1_000_000)).toBe(Number.POSITIVE_INFINITY);
    expect(new ClientEstimate({ bufferLimit: 0, minRecharge: 1 }, 0).waitMs(1, 0)).toBe(
      Number.POSITIVE_INFINITY,
    );
  });

  test("after a stop everything in flight is cancelled; a resume without one is an update", () => {
    const estimate = new ClientEstimate(params, 0);
    estimate.sent(1, 500, 0);
    estimate.sent(2, 100, 0);
    estimate.resumed(800, 0, [2]);
    expect(estimate.value(0)).toBe(700);
    expect(estimate.pending).toBe(1);
    estimate.resumed(800, 0);
    expect(estimate.value(0)).toBe(800);
    expect(estimate.pending).toBe(0);
  });

  test("a higher limit adds its difference, a lower one cuts", () => {
    const estimate = new ClientEstimate(params, 0);
    estimate.sent(1, 500, 0);
    estimate.update({ bufferLimit: 1_500, minRecharge: 10 }, 0);
    expect(estimate.value(0)).toBe(1_000);
    estimate.update({ bufferLimit: 600, minRecharge: 10 }, 0);
    expect(estimate.value(0)).toBe(600);
  });
});

describe("the server's buffer", () => {
  test("accepts what it can pay, gives back what was not spent, reports the value right after that request", () => {
    const buffer = new ServerBuffer(params, 0);
    const first = buffer.accept(400, 0);
    const second = buffer.accept(600, 0);
    expect(buffer.accept(1, 0)).toBeUndefined();
    if (first === undefined || second === undefined) throw new Error("both fit");
    expect(buffer.processed(first, 100, 0)).toBe(900);
    expect(buffer.processed(second, 600, 0)).toBe(300);
  });
});

/** One step of the simulation. */
const step = fc.record({
  waitMs: fc.double({ min: 0, max: 40, noNaN: true }),
  cost: fc.integer({ min: 1, max: 1_000 }),
  /** Share of the price that serving really costs. */
  real: fc.double({ min: 0, max: 1, noNaN: true }),
  uplinkMs: fc.double({ min: 0, max: 60, noNaN: true }),
  serveMs: fc.double({ min: 0, max: 30, noNaN: true }),
  downlinkMs: fc.double({ min: 0, max: 60, noNaN: true }),
});

test("T18 a client that obeys its estimate is never refused, whatever the delays", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const client = new ClientEstimate(params, 0);
      const server = new ServerBuffer(params, 0);
      type Event = { readonly at: number; readonly order: number; readonly run: () => void };
      const events: Event[] = [];
      let order = 0;
      const at = (time: number, run: () => void) => events.push({ at: time, order: order++, run });
      let [lastArrival, lastReply, now] = [0, 0, 0];
      const runUntil = (time: number) => {
        for (;;) {
          events.sort((a, b) => a.at - b.at || a.order - b.order);
          const next = events[0];
          if (next === undefined || next.at > time) return;
          events.shift();
          next.run();
        }
      };
      steps.forEach(({ waitMs, cost, real, uplinkMs, serveMs, downlinkMs }, id) => {
        now += waitMs;
        runUntil(now);
        if (client.waitMs(cost, now) > 0) return;
        client.sent(id, cost, now);
        // a connection keeps the order of what is sent over it
        lastArrival = Math.max(lastArrival, now + uplinkMs);
        const arrival = lastArrival;
        at(arrival, () => {
          const ticket: Ticket | undefined = server.accept(cost, arrival);
          expect(ticket, `refused with ${server.value(arrival)} left for ${cost}`).toBeDefined();
          if (ticket === undefined) return;
          at(arrival + serveMs, () => {
            const bufferValue = server.processed(ticket, Math.floor(cost * real), arrival + serveMs);
            lastReply = Math.max(lastReply, arrival + serveMs + downlinkMs);
            const reply = lastReply;
            at(reply, () => client.replied(id, bufferValue, reply));
          });
        });
      });
      runUntil(Number.POSITIVE_INFINITY);
      expect(client.pending).toBe(0);
    }),
    { seed: 18, numRuns: 400 },
  );
});
