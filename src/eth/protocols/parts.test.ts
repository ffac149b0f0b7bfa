import { expect, test } from "vitest";
import { bytes, encodeAs, list } from "#rlp";
import { decodeInParts } from "./parts.ts";

const schema = list(bytes(), { max: 1_000 });
const items = Array.from({ length: 1_000 }, (_, i) => new Uint8Array(100).fill(i % 256));

test("a long list is decoded with others in between, a short one at once, both to the same items", async () => {
  let turns = 0;
  const pace = () => (++turns % 100 === 0 ? Promise.resolve() : undefined);
  expect(await decodeInParts(schema, encodeAs(schema, items), pace)).toEqual(items);
  expect(turns).toBe(1_000);
  expect(await decodeInParts(schema, encodeAs(schema, items.slice(0, 10)), pace)).toEqual(items.slice(0, 10));
  expect(turns).toBe(1_000);
});

test("long ones are as strict as short ones: cut, trailing, too many, another shape", async () => {
  const whole = encodeAs(schema, items);
  const decode = (input: Uint8Array) => decodeInParts(schema, input, () => undefined);
  await expect(decode(whole.subarray(0, -1))).rejects.toMatchObject({ code: "RLP_TRUNCATED" });
  await expect(decode(Uint8Array.of(...whole, 0xc0))).rejects.toMatchObject({ code: "RLP_TRAILING" });
  const many = encodeAs(
    list(bytes()),
    Array.from({ length: 50_000 }, () => Uint8Array.of(1)),
  );
  await expect(decode(many)).rejects.toMatchObject({ code: "RLP_ITEMS" });
  const other = encodeAs(list(list(bytes())), [items]);
  await expect(decode(other)).rejects.toMatchObject({ code: "RLP_EXPECTED_BYTES" });
});
