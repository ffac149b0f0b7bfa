import { expect, test } from "vitest";
import { Feed } from "./index.ts";

test("listeners hear events in order of subscription until disposed", () => {
  const feed = new Feed<number>();
  const heard: string[] = [];
  const first = feed.subscribe((n) => heard.push(`a${n}`));
  feed.subscribe((n) => heard.push(`b${n}`));
  expect(feed.send(1)).toBe(2);
  first[Symbol.dispose]();
  expect(feed.send(2)).toBe(1);
  expect(heard).toEqual(["a1", "b1", "b2"]);
});

test("JS-01 a throwing listener is reported and stops nobody", () => {
  const errors: unknown[] = [];
  const feed = new Feed<number>((error) => errors.push(error));
  const heard: number[] = [];
  feed.subscribe(() => {
    throw new Error("listener broke");
  });
  feed.subscribe((n) => heard.push(n));
  expect(feed.send(5)).toBe(1);
  expect(heard).toEqual([5]);
  expect(errors).toHaveLength(1);
});

test("a stream gives what came after it was made, and ends with its signal", async () => {
  const feed = new Feed<number>();
  const stopping = new AbortController();
  const stream = feed.stream({ signal: stopping.signal });
  feed.send(1);
  feed.send(2);
  expect(await stream.next()).toEqual({ done: false, value: 1 });
  const got: number[] = [];
  const reading = (async () => {
    for await (const n of stream) got.push(n);
  })();
  feed.send(3);
  stopping.abort();
  await reading;
  expect(got).toEqual([2, 3]);
  expect(feed.listenerCount).toBe(0);
});

test("a slow reader loses the oldest at capacity + 1, or is told", async () => {
  const feed = new Feed<number>();
  const { signal } = new AbortController();
  const forgetful = feed.stream({ signal, capacity: 2 });
  const strict = feed.stream({ signal, capacity: 2, overflow: "error" });
  for (const n of [1, 2, 3]) feed.send(n);
  expect(await forgetful.next()).toEqual({ done: false, value: 2 });
  expect(await strict.next()).toEqual({ done: false, value: 1 });
  expect(await strict.next()).toEqual({ done: false, value: 2 });
  await expect(strict.next()).rejects.toThrow("more than 2 events");
  expect(await strict.next()).toEqual({ done: true, value: undefined });
});

test("leaving the loop unsubscribes", async () => {
  const feed = new Feed<number>();
  const stream = feed.stream({ signal: new AbortController().signal });
  feed.send(1);
  for await (const _ of stream) break;
  expect(feed.listenerCount).toBe(0);
});
