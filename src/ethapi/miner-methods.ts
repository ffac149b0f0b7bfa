/** miner_: sealing by hand (eth/api_miner.go@v1.11.6). */
import {
  address,
  bool,
  bytesUpTo,
  either,
  hexOrDecimal,
  method,
  type Method,
  none,
  number,
  optional,
  quantity,
  textUpTo,
  uint64,
} from "#rpc";
import { equalBytes, utf8Encode } from "#util";
import type { MinerControl } from "./controls.ts";
import { EthApiError } from "./errors.ts";

/** params.MaximumExtraDataSize. */
const MAX_EXTRA = 32;
const refuse = (reason: string) => EthApiError("FAILED", { reason });

export function minerMethods(miner: MinerControl): Record<string, Method> {
  return {
    start: method({
      doc: "Begins to seal. The number of threads means nothing here.",
      params: [optional(number)],
      result: none,
      handle: () => miner.start(),
    }),
    stop: method({
      doc: "Ends sealing; the block being made is given up.",
      params: [],
      result: none,
      handle: () => miner.stop(),
    }),
    setExtra: method({
      doc: "Sets the vanity of sealed blocks: text or hex of at most 32 bytes.",
      params: [either(bytesUpTo(MAX_EXTRA), textUpTo(1_024))],
      result: bool,
      handle: ([given]) => {
        const extra = given instanceof Uint8Array ? given : utf8Encode(given);
        if (extra.length > MAX_EXTRA)
          throw refuse(`extra exceeds max length. ${extra.length} > ${MAX_EXTRA}`);
        miner.setExtra(extra);
        return true;
      },
    }),
    setGasPrice: method({
      doc: "Least tip of other people's transactions from now on, wei; those below leave the pool.",
      params: [quantity],
      result: bool,
      handle: ([wei]) => {
        miner.setGasPrice(wei);
        return true;
      },
    }),
    setGasLimit: method({
      doc: "Gas limit that sealed blocks move towards.",
      params: [uint64],
      result: bool,
      handle: ([gas]) => {
        miner.setGasLimit(gas);
        return true;
      },
    }),
    setEtherbase: method({
      doc: "True for the signer's own address; refused for any other, since blocks pay who seals them.",
      params: [address],
      result: bool,
      handle: ([who]) => {
        const { etherbase } = miner;
        if (etherbase === undefined || !equalBytes(etherbase, who))
          throw refuse("blocks here pay their signer, who cannot be changed while the node runs");
        return true;
      },
    }),
    setRecommitInterval: method({
      doc: "Refused: a block here is made when it is due, not renewed before.",
      params: [hexOrDecimal],
      result: none,
      handle: () => {
        throw refuse("a block is made when it is due: there is nothing to recommit");
      },
    }),
    getHashrate: method({
      doc: "Always 0: nobody mines here.",
      params: [],
      result: number,
      handle: () => 0,
    }),
  };
}
