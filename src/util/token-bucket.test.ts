import { expect, test } from "vitest";
import { TokenBucket } from "./token-bucket.ts";

test("TokenBucket: a burst, then the rate", () => {
  const bucket = new TokenBucket({ capacity: 2, everyMs: 100, now: 0 });
  expect([
    bucket.take(0),
    bucket.take(0),
    bucket.take(0),
    bucket.wait(0),
    bucket.take(50),
    bucket.take(100),
    bucket.take(100),
  ]).toEqual([true, true, false, 100, false, true, false]);
  expect([bucket.take(1e6), bucket.take(1e6), bucket.take(1e6)]).toEqual([true, true, false]);
});
