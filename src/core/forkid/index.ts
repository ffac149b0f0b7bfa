/**
 * core/forkid: the fork identifier of EIP-2124 and EIP-6122 — a checksum of genesis and passed forks, and the next fork —
 * and the filter that tells whether a remote's id can belong to our chain. Pure; geth `core/forkid` to the letter.
 *
 * Not here: who sends it (`#les/protocol`, eth status, ENR entries).
 */
export {
  checkForkId,
  type ForkChain,
  type ForkHead,
  type ForkId,
  forkIdAt,
  forkIdRlp,
  type ForkIdVerdict,
} from "./forkid.ts";
