import { expect, test } from "vitest";
import { memoryNet, SimulatedClock, seededRand, simHost } from "./index.ts";

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

test("datagrams of the memory net: late, lost, doubled, cut off and never longer than the MTU, all from one seed", async () => {
  const clock = new SimulatedClock();
  const weather = { clock, rand: seededRand(5), latencyMs: 20, jitterMs: 10, loss: 0.2, doubled: 0.1 };
  const net = memoryNet({ ...weather, passes: (_, to) => to.host !== "10.0.0.3" });
  const [a, b, c] = [
    await net.bindUdp({ host: "10.0.0.1", port: 30_303 }),
    await net.bindUdp({ host: "10.0.0.2", port: 0 }),
    await net.bindUdp({ host: "10.0.0.3", port: 1 }),
  ];
  const heard: { byte: number | undefined; at: number; from: unknown }[] = [];
  a.onMessage((bytes, from) => heard.push({ byte: bytes[0], at: clock.now(), from }));
  c.onMessage(() => expect.unreachable());
  for (let i = 0; i < 200; i++) b.send(Uint8Array.of(i), a.local);
  b.send(new Uint8Array(1281), a.local);
  b.send(Uint8Array.of(1), c.local);
  b.send(Uint8Array.of(1), { host: "10.0.0.9", port: 1 });
  await clock.advance(100);
  expect(heard.length).toBeGreaterThan(150);
  expect(new Set(heard.map(({ byte }) => byte)).size).toBeLessThan(180);
  expect(heard.every(({ at }) => at >= 20 && at <= 30)).toBe(true);
  expect(heard[0]?.from).toEqual(b.local);
  await expect(net.bindUdp(a.local)).rejects.toMatchObject({ code: "HOST_LISTEN_FAILED" });
  await a.close();
  b.send(Uint8Array.of(1), a.local);
  await clock.advance(100);
  expect(clock.activeTimers).toBe(0);
});
