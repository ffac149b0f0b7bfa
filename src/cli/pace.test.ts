import { SimulatedClock } from "#host/sim";
import { expect, test } from "vitest";
import { Pace } from "./pace.ts";

const to = { host: "127.0.0.1", port: 1 };
const world = (perSecond: number) => {
  const clock = new SimulatedClock();
  const sentAt: number[] = [];
  const pace = new Pace(perSecond, clock);
  const socket = pace.socket({
    local: to,
    onMessage() {},
    send: () => void sentAt.push(clock.now()),
    close: async () => {},
  });
  return { clock, pace, socket, sentAt };
};

test("within no second more packets go than the rate; what is over it is lost", async () => {
  const { clock, pace, socket, sentAt } = world(10);
  for (let ms = 0; ms < 3_000; ms += 10) {
    socket.send(new Uint8Array(1), to);
    await clock.advance(10);
  }
  expect(pace.sent).toBe(sentAt.length);
  expect(sentAt.length).toBeGreaterThanOrEqual(29);
  for (const from of sentAt)
    expect(sentAt.filter((at) => at >= from && at < from + 1_000).length).toBeLessThanOrEqual(10);
});

test("who reserves waits for its packets, and keeps them from others until it is done", async () => {
  const { clock, pace, socket } = world(4);
  const { signal } = new AbortController();
  const first = await pace.reserve(3, signal);
  let isSecond = false;
  const second = pace.reserve(9, signal).then((held) => {
    isSecond = true;
    return held;
  });
  await clock.advance(5_000);
  expect(isSecond).toBe(false);
  socket.send(new Uint8Array(1), to);
  first[Symbol.dispose]();
  await clock.advance(900);
  expect(isSecond).toBe(false);
  await clock.advance(200);
  (await second)[Symbol.dispose]();
  expect(isSecond).toBe(true);
});

test("a wait ends with the signal", async () => {
  const { pace } = world(1);
  using _ = await pace.reserve(1, new AbortController().signal);
  const end = new AbortController();
  const waiting = pace.reserve(1, end.signal);
  end.abort();
  (await waiting)[Symbol.dispose]();
});
