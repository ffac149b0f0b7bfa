import fc from "fast-check";
import { expect, test } from "vitest";
import { concatBytes, fromHex, numberToBytes, toHex, utf8Encode } from "#util";
import { revertReason } from "#core/vm";
import { revertError } from "./revert.ts";

const word = (value: number) => numberToBytes(value, 32);
const errorString = (text: string) => {
  const bytes = utf8Encode(text);
  const padded = concatBytes(bytes, new Uint8Array((32 - (bytes.length % 32)) % 32));
  return concatBytes(fromHex("0x08c379a0"), word(32), word(bytes.length), padded);
};

test("Error(string) and Panic(uint256) are read as geth reads them", () => {
  expect(revertReason(errorString("not enough"))).toBe("not enough");
  expect(revertReason(concatBytes(fromHex("0x4e487b71"), word(0x11)))).toBe(
    "arithmetic underflow or overflow",
  );
  expect(revertReason(concatBytes(fromHex("0x4e487b71"), word(0x99)))).toBe("unknown panic code: 0x99");
});

test("Trap 21: a revert is error 3 with its data", () => {
  const data = errorString("no");
  expect(revertError(data)).toMatchObject({ code: 3, message: "execution reverted: no", data: toHex(data) });
  expect(revertError(new Uint8Array(0))).toMatchObject({
    code: 3,
    message: "execution reverted",
    data: "0x",
  });
  expect(revertError(fromHex("0x12345678"))).toMatchObject({
    code: 3,
    message: "execution reverted",
    data: "0x12345678",
  });
});

test("revert data of any kind is read without trust (fuzz)", () => {
  const selectors = [fromHex("0x08c379a0"), fromHex("0x4e487b71")];
  fc.assert(
    fc.property(fc.constantFrom(...selectors), fc.uint8Array({ maxLength: 200 }), (selector, rest) => {
      const reason = revertReason(concatBytes(selector, rest));
      return reason === undefined || typeof reason === "string";
    }),
    { seed: 21, numRuns: 2_000 },
  );
  // offset and length far outside
  expect(revertReason(concatBytes(fromHex("0x08c379a0"), new Uint8Array(64).fill(0xff)))).toBeUndefined();
  expect(
    revertReason(concatBytes(fromHex("0x08c379a0"), word(32), word(33), new Uint8Array(32))),
  ).toBeUndefined();
});
