import { deferred } from "#util";
import { expect, test } from "vitest";
import { type Enode, FairMix, type NodeSource, refineSource } from "./index.ts";

const nodeOf = (name: string): Enode => ({ id: name, publicKey: new Uint8Array(64), tcp: 1, udp: 1 });

/** Gives nodes named after it, at once. */
function endless(name: string): NodeSource & { asked: number } {
  const source = {
    name,
    asked: 0,
    next: async () => nodeOf(`${name}${source.asked++}`),
    close() {},
  };
  return source;
}

async function take(source: NodeSource, count: number): Promise<(string | undefined)[]> {
  const ids: (string | undefined)[] = [];
  for (let i = 0; i < count; i++) ids.push((await source.next())?.id);
  return ids;
}

test("DI-07 sources take turns, whatever they have to give", async () => {
  const mix = new FairMix();
  const [a, b] = [endless("a"), endless("b")];
  mix.add(a);
  mix.add(b);
  const ids = await take(mix, 100);
  expect(ids.filter((id) => id?.startsWith("a"))).toHaveLength(50);
  expect(a.asked).toBeLessThanOrEqual(51); // nothing is fetched that nobody asked for
});

test("a slow source holds up nobody, and gets its turn when it is ready", async () => {
  const mix = new FairMix();
  const waiting = deferred<Enode | undefined>();
  mix.add({ name: "slow", next: () => waiting.promise, close() {} });
  mix.add(endless("a"));
  expect(await take(mix, 3)).toEqual(["a0", "a1", "a2"]);
  waiting.resolve(nodeOf("slow"));
  await waiting.promise;
  expect(await take(mix, 2)).toContain("slow");
});

test("a source that ended is left out; one that comes later is heard by a call that waits", async () => {
  const mix = new FairMix();
  mix.add({ name: "empty", next: async () => undefined, close() {} });
  const node = mix.next();
  mix.add(endless("a"));
  expect((await node)?.id).toBe("a0");
  expect(mix.size).toBe(1);
});

test("closing ends a call that waits and closes the sources", async () => {
  const mix = new FairMix();
  let closed = 0;
  mix.add({ name: "never", next: () => new Promise(() => {}), close: () => void closed++ });
  const node = mix.next();
  mix.close();
  mix.add({ name: "late", next: () => new Promise(() => {}), close: () => void closed++ });
  expect([await node, await mix.next(), closed]).toEqual([undefined, undefined, 2]);
});

test("a refined source gives what is wanted, and ends with its own", async () => {
  const nodes = ["a", "b", "c"].map(nodeOf);
  const source: NodeSource = { name: "three", next: async () => nodes.shift(), close() {} };
  expect(
    await take(
      refineSource(source, (node) => (node.id === "b" ? undefined : node)),
      3,
    ),
  ).toEqual(["a", "c", undefined]);
});

test("a source that rejects, or throws, against its promise has ended; the others go on and its owner is told", async () => {
  const told: string[] = [];
  const mix = new FairMix(({ name }, error) => told.push(`${name}: ${(error as Error).message}`));
  mix.add({ name: "rejects", next: () => Promise.reject(new Error("no")), close() {} });
  mix.add({
    name: "throws",
    next: () => {
      throw new Error("never");
    },
    close() {},
  });
  mix.add(endless("a"));
  expect(await take(mix, 3)).toEqual(["a0", "a1", "a2"]);
  expect([mix.size, told.sort()]).toEqual([1, ["rejects: no", "throws: never"]]);
});

test("a few nodes are refined at once, as many as are bounded, and only while somebody waits", async () => {
  const asked: { id: string; end: (node: Enode | undefined) => void }[] = [];
  const source = endless("n");
  const refined = refineSource(
    source,
    (node) => new Promise((resolve) => asked.push({ id: node.id, end: resolve })),
    3,
  );
  expect(source.asked).toBe(0);
  const first = refined.next();
  while (asked.length < 3) await Promise.resolve();
  for (let turns = 0; turns < 20; turns++) await Promise.resolve();
  expect([source.asked, asked.length]).toEqual([3, 3]); // the fourth waits until one is done
  asked[0]?.end(undefined);
  while (asked.length < 4) await Promise.resolve();
  asked[2]?.end(nodeOf("n2"));
  expect((await first)?.id).toBe("n2");
  asked[1]?.end(nodeOf("n1"));
  for (let turns = 0; turns < 20; turns++) await Promise.resolve();
  expect(source.asked).toBe(4); // nobody waits
  expect((await refined.next())?.id).toBe("n1");
  const last = refined.next();
  refined.close();
  expect(await last).toBeUndefined();
});

test("what refining throws is told to who waits", async () => {
  const refined = refineSource(
    endless("n"),
    () => {
      throw new Error("no use");
    },
    2,
  );
  await expect(refined.next()).rejects.toThrow("no use");
});
