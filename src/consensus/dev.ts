import { emptyUnclesHash, type Header } from "#core/types";
import { MAX_EXTRA_SIZE } from "#params";
import { equalBytes } from "#util";
import type { Engine, HeaderReader } from "./engine.ts";
import { ConsensusError } from "./errors.ts";
import { verifyForkFields, verifyGas, verifyLink, verifyTime } from "./rules.ts";

const difficulty = 1n;

function verifyHeader(chain: HeaderReader, header: Header, parent: Header, options: { now: number }): void {
  const { number, time } = header;
  verifyLink(header, parent);
  verifyTime(header, options.now);
  if (time <= parent.time) throw ConsensusError("INVALID_TIME", { number, time, parent: parent.time });
  if (header.extra.length > MAX_EXTRA_SIZE)
    throw ConsensusError("EXTRA_TOO_LONG", { number, length: header.extra.length, max: MAX_EXTRA_SIZE });
  if (header.difficulty !== difficulty)
    throw ConsensusError("INVALID_DIFFICULTY", { number, have: header.difficulty, want: difficulty });
  if (!equalBytes(header.unclesHash, emptyUnclesHash))
    throw ConsensusError("UNEXPECTED_FIELD", { number, field: "unclesHash" });
  verifyForkFields(chain.config, header);
  verifyGas(chain.config, header, parent);
}

/**
 * No seal: whoever makes a block with valid contents has made the next one. For chains that live in one
 * process (tests, tools). Difficulty is always 1, fees go to the coinbase. Chains that others follow use clique.
 */
export const devEngine: Engine = {
  name: "dev",
  author: (header) => header.coinbase,
  verifyHeader,
  verifySeal: () => {},
  difficulty: () => difficulty,
  prepare: (_chain, draft, parent, signer) => ({
    ...draft,
    coinbase: signer?.address ?? draft.coinbase,
    difficulty,
    time: Math.max(draft.time, parent.time + 1),
    extra: draft.extra.slice(0, MAX_EXTRA_SIZE),
  }),
  seal: (_chain, header) => header,
};
