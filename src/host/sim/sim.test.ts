import { expect, test } from "vitest";
import { SimulatedClock, seededRand, simHost } from "./index.ts";

test("time moves only by advance, timers fire in order", async () => {
  const clock = new SimulatedClock(1000);
  const fired: string[] = [];
  clock.after(20, () => fired.push(`b at ${clock.now()}`));
  clock.after(10, () => fired.push(`a at ${clock.now()}`));
  clock.after(30, () => fired.push("never")).cancel();
  await clock.advance(25);
  expect(fired).toEqual(["a at 10", "b at 20"]);
  expect(clock.activeTimers).toBe(0);
  await clock.advance(975);
  expect(clock.unixSeconds()).toBe(1001);
});

test("a chain of sleeps runs within one advance", async () => {
  const clock = new SimulatedClock();
  let done = 0;
  const work = (async () => {
    for (let i = 0; i < 5; i++) {
      await clock.sleep(100);
      done++;
    }
  })();
  await clock.advance(500);
  await work;
  expect(done).toBe(5);
});

test("the same seed gives the same chance", () => {
  const draw = () => {
    const rand = seededRand(7);
    return [rand.int(100), rand.float(), rand.shuffle([1, 2, 3, 4])];
  };
  expect(draw()).toEqual(draw());
});

test("the memory net carries bytes in order and tells of the end", async () => {
  const { net } = simHost(1);
  const got: number[] = [];
  const ended = new Promise<void>((resolve) => {
    void net.listenTcp({ host: "10.0.0.1", port: 30303 }, (socket) => {
      socket.onData((chunk) => got.push(...chunk));
      socket.onClose(() => resolve());
    });
  });
  const socket = await net.dialTcp({ host: "10.0.0.1", port: 30303 });
  socket.write(Uint8Array.of(1));
  socket.write(Uint8Array.of(2));
  socket.end();
  await ended;
  expect(got).toEqual([1, 2]);
  await expect(net.dialTcp({ host: "10.0.0.1", port: 1 })).rejects.toMatchObject({
    code: "HOST_DIAL_FAILED",
  });
});
