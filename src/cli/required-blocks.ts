import type { RequiredBlocks } from "#consensus";
import { fromHex } from "#util";

/** `--eth.requiredblocks 5=0x…,9=0x…`, as the row of that flag has checked it. */
export function readRequiredBlocks(list: readonly string[]): RequiredBlocks {
  return new Map(
    list.map((one) => {
      const [number = "", hash = ""] = one.split("=");
      return [Number(number), fromHex(hash)] as const;
    }),
  );
}
