import { expect, test } from "vitest";
import { EventMux } from "./index.ts";

class Began {
  readonly block: number;
  constructor(block: number) {
    this.block = block;
  }
}
class Ended {}
class EndedBadly extends Ended {}

test("an event reaches those who subscribed to its class, in order, and no others", async () => {
  const errors: unknown[] = [];
  const mux = new EventMux((error) => errors.push(error));
  const heard: string[] = [];
  const first = mux.subscribe(Began, ({ block }) => heard.push(`a${block}`));
  mux.subscribe(Began, () => {
    throw new Error("a listener's own");
  });
  mux.subscribe(Began, ({ block }) => heard.push(`b${block}`));
  mux.subscribe(Ended, () => heard.push("ended"));
  expect(mux.post(new Began(1))).toBe(2);
  expect(mux.post(new EndedBadly())).toBe(0); // of exactly the class, as geth
  first[Symbol.dispose]();
  mux.post(new Began(2));
  mux.post(new Ended());
  expect(heard).toEqual(["a1", "b1", "b2", "ended"]);
  expect(errors).toHaveLength(2);
});

test("as a stream, and nothing after a stop", async () => {
  const mux = new EventMux();
  const over = new AbortController();
  const events = mux.stream(Began, { signal: over.signal });
  mux.post(new Began(1));
  expect((await events.next()).value).toEqual(new Began(1));
  mux.stop();
  expect(mux.post(new Began(2))).toBe(0);
  mux.subscribe(Began, () => expect.fail("heard after the stop"));
  expect(mux.post(new Began(3))).toBe(0);
  over.abort();
  expect((await events.next()).done).toBe(true);
});
