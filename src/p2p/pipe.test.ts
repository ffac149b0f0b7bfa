import { SimulatedClock } from "#host/sim";
import { describe, expect, test } from "vitest";
import { messagePipe } from "./pipe.ts";
import { RequestTracker } from "./tracker.ts";

describe("messagePipe", () => {
  test("what one writes the other reads, stamped by the clock; the payload is the reader's own", async () => {
    const clock = new SimulatedClock();
    const [a, b] = messagePipe({ clock });
    await clock.advance(5);
    const payload = Uint8Array.of(0xc1, 9);
    await a.writeMsg(3, payload);
    payload.fill(0);
    expect(await b.readMsg()).toEqual({ code: 3, size: 2, payload: Uint8Array.of(0xc1, 9), receivedAt: 5 });
    const waiting = a.readMsg();
    await b.writeMsg(4, Uint8Array.of(0xc0));
    expect((await waiting).code).toBe(4);
    const second = b.readMsg();
    await expect(b.readMsg()).rejects.toThrow("two readers");
    a.close();
    await expect(second).rejects.toMatchObject({ code: "P2P_PEER_CLOSED" });
  });

  test("256 messages wait, the writer of the 257th with them; reading lets it go on; close ends it", async () => {
    const [a, b] = messagePipe();
    let written = 0;
    const writing = (async () => {
      for (let i = 0; i < 300; i++) {
        await a.writeMsg(i, Uint8Array.of(0xc0));
        written++;
      }
    })();
    await new Promise((resolve) => setImmediate(resolve));
    expect(written).toBe(255);
    const codes: number[] = [];
    for await (const { code } of b) if (codes.push(code) === 300) break;
    await writing;
    expect(codes).toEqual(Array.from({ length: 300 }, (_, i) => i));
    const stuck = (async () => {
      for (;;) await a.writeMsg(0, Uint8Array.of(0xc0));
    })();
    b.close(new Error("over"));
    await expect(stuck).rejects.toThrow("over");
  });
});

describe("RequestTracker", () => {
  const make = () => {
    const clock = new SimulatedClock();
    return { clock, tracker: new RequestTracker<string>({ clock }) };
  };

  test("a reply settles its request, by id and kind", async () => {
    const { clock, tracker } = make();
    const [one, two] = [tracker.open("bodies", 100), tracker.open("bodies", 100)];
    expect(tracker.match("receipts", one.id).status).toBe("unasked"); // another kind
    const match = tracker.match("bodies", two.id);
    if (match.status === "open") match.settle("second");
    expect(await two.promise).toBe("second");
    expect(tracker.match("bodies", two.id).status).toBe("unasked"); // doubled
    expect(tracker.match("bodies", 99n).status).toBe("unasked");
    one.abandon(new Error("gone"));
    await expect(one.promise).rejects.toThrow("gone");
    expect([tracker.size, clock.activeTimers]).toEqual([0, 0]);
  });

  test("a late reply is told apart from an unasked one, once", async () => {
    const { clock, tracker } = make();
    const { id, promise } = tracker.open("bodies", 100);
    const timedOut = expect(promise).rejects.toMatchObject({ code: "P2P_REQUEST_TIMEOUT" });
    await clock.advance(100);
    await timedOut;
    expect([tracker.match("bodies", id).status, tracker.match("bodies", id).status]).toEqual([
      "late",
      "unasked",
    ]);
  });

  test("without ids replies come in the order of their requests, late ones included", async () => {
    const { clock, tracker } = make();
    const first = tracker.open("bodies", 100);
    first.promise.catch(() => {});
    const second = tracker.open("bodies", 1_000);
    await clock.advance(100);
    expect(tracker.match("bodies", undefined).status).toBe("late");
    const match = tracker.match("bodies", undefined);
    if (match.status === "open") match.settle("ok");
    expect(await second.promise).toBe("ok");
    expect(tracker.match("bodies", undefined).status).toBe("unasked");
  });

  test("1,024 open, 1,024 late remembered, close rejects all and opens no more", async () => {
    const { clock, tracker } = make();
    const fill = () =>
      Array.from({ length: 1024 }, () => tracker.open("x", 100).promise.catch((error: unknown) => error));
    const rounds = [fill()];
    expect(() => tracker.open("x", 100)).toThrowError(
      expect.objectContaining({ code: "P2P_TOO_MANY_REQUESTS" }),
    );
    await clock.advance(100);
    rounds.push(fill());
    await clock.advance(100);
    expect(tracker.match("x", 1n).status).toBe("unasked"); // forgotten
    expect(tracker.match("x", 1025n).status).toBe("late");
    rounds.push(fill());
    const end = new Error("peer gone");
    tracker.close(end);
    expect(new Set(await Promise.all(rounds[2] ?? []))).toEqual(new Set([end]));
    expect(() => tracker.open("x", 1)).toThrow("peer gone");
    expect(clock.activeTimers).toBe(0);
    await Promise.all(rounds.flat());
  });
});
