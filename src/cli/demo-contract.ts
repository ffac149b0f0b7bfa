import { keccak256 } from "#crypto";
import { bigintToBytes, concatBytes, fromHex, utf8Encode } from "#util";

/** Logged on each change: `Added(uint256 amount, uint256 total)`. */
const topic = keccak256(utf8Encode("Added(uint256,uint256)"));

/**
 * A jar for coins that only counts: called with nothing it returns its total (slot 0); called with a 32-byte amount it adds
 * it and logs `Added(amount, total)`. By hand, so that the demo needs no compiler.
 */
const runtime = concatBytes(
  fromHex("0x36600f576000546000526020" + "6000f3"), // no call data: return slot 0
  fromHex("0x5b6000358060005260005401806000556020527f"), // total += amount; memory: amount, total
  topic,
  fromHex("0x60406000a100"), // log1, stop
);

/** Init code that deploys the jar. */
export const jarInitCode: Uint8Array = concatBytes(
  fromHex("0x60"),
  Uint8Array.of(runtime.length),
  fromHex("0x80600b6000396000f3"),
  runtime,
);

/** Call data that adds `amount`. */
export function addCall(amount: bigint): Uint8Array {
  return bigintToBytes(amount, 32);
}
