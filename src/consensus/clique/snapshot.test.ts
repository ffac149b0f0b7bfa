// long: geth's table of votes
import { HeaderChain } from "#core";
import type { Header } from "#core/types";
import { memoryStore } from "#ethdb";
import { toHex } from "#util";
import { describe, expect, test } from "vitest";
import { childHeader, cliqueConfig, cliqueGenesisHeader, SignerPool } from "../../../test/kit/clique.ts";
import { Clique } from "./clique.ts";
import { formatSnapshot, isInTurn, parseSnapshot } from "./snapshot.ts";

interface TestVote {
  readonly signer: string;
  readonly voted?: string;
  readonly auth?: boolean;
  readonly checkpoint?: readonly string[];
  readonly newBatch?: boolean;
}

interface Scenario {
  readonly name: string;
  readonly epoch?: number;
  readonly signers: readonly string[];
  readonly votes: readonly TestVote[];
  readonly results?: readonly string[];
  readonly failure?: string;
}

const on = (signer: string, voted: string): TestVote => ({ signer, voted, auth: true });
const off = (signer: string, voted: string): TestVote => ({ signer, voted, auth: false });
const by = (signer: string): TestVote => ({ signer });

/** consensus/clique/snapshot_test.go:96@v1.9.25, each scenario in its order. */
const scenarios: readonly Scenario[] = [
  { name: "single signer, no votes cast", signers: ["A"], votes: [by("A")], results: ["A"] },
  {
    name: "single signer, voting to add two others (only accept first, second needs 2 votes)",
    signers: ["A"],
    votes: [on("A", "B"), by("B"), on("A", "C")],
    results: ["A", "B"],
  },
  {
    name: "two signers, voting to add three others (only accept first two, third needs 3 votes already)",
    signers: ["A", "B"],
    votes: [on("A", "C"), on("B", "C"), on("A", "D"), on("B", "D"), by("C"), on("A", "E"), on("B", "E")],
    results: ["A", "B", "C", "D"],
  },
  { name: "single signer, dropping itself", signers: ["A"], votes: [off("A", "A")], results: [] },
  {
    name: "two signers, needing mutual consent to drop either of them (not fulfilled)",
    signers: ["A", "B"],
    votes: [off("A", "B")],
    results: ["A", "B"],
  },
  {
    name: "two signers, needing mutual consent to drop either of them (fulfilled)",
    signers: ["A", "B"],
    votes: [off("A", "B"), off("B", "B")],
    results: ["A"],
  },
  {
    name: "three signers, two of them deciding to drop the third",
    signers: ["A", "B", "C"],
    votes: [off("A", "C"), off("B", "C")],
    results: ["A", "B"],
  },
  {
    name: "four signers, consensus of two not being enough to drop anyone",
    signers: ["A", "B", "C", "D"],
    votes: [off("A", "C"), off("B", "C")],
    results: ["A", "B", "C", "D"],
  },
  {
    name: "four signers, consensus of three already being enough to drop someone",
    signers: ["A", "B", "C", "D"],
    votes: [off("A", "D"), off("B", "D"), off("C", "D")],
    results: ["A", "B", "C"],
  },
  {
    name: "authorizations are counted once per signer per target",
    signers: ["A", "B"],
    votes: [on("A", "C"), by("B"), on("A", "C"), by("B"), on("A", "C")],
    results: ["A", "B"],
  },
  {
    name: "authorizing multiple accounts concurrently is permitted",
    signers: ["A", "B"],
    votes: [on("A", "C"), by("B"), on("A", "D"), by("B"), by("A"), on("B", "D"), by("A"), on("B", "C")],
    results: ["A", "B", "C", "D"],
  },
  {
    name: "deauthorizations are counted once per signer per target",
    signers: ["A", "B"],
    votes: [off("A", "B"), by("B"), off("A", "B"), by("B"), off("A", "B")],
    results: ["A", "B"],
  },
  {
    name: "deauthorizing multiple accounts concurrently is permitted",
    signers: ["A", "B", "C", "D"],
    votes: [
      ...[off("A", "C"), by("B"), by("C"), off("A", "D"), by("B"), by("C"), by("A")],
      ...[off("B", "D"), off("C", "D"), by("A"), off("B", "C")],
    ],
    results: ["A", "B"],
  },
  {
    name: "votes from deauthorized signers are discarded immediately (deauth votes)",
    signers: ["A", "B", "C"],
    votes: [off("C", "B"), off("A", "C"), off("B", "C"), off("A", "B")],
    results: ["A", "B"],
  },
  {
    name: "votes from deauthorized signers are discarded immediately (auth votes)",
    signers: ["A", "B", "C"],
    votes: [on("C", "D"), off("A", "C"), off("B", "C"), on("A", "D")],
    results: ["A", "B"],
  },
  {
    name: "cascading changes are not allowed, only the account being voted on may change",
    signers: ["A", "B", "C", "D"],
    votes: [
      ...[off("A", "C"), by("B"), by("C"), off("A", "D"), off("B", "C"), by("C"), by("A")],
      ...[off("B", "D"), off("C", "D")],
    ],
    results: ["A", "B", "C"],
  },
  {
    name: "changes reaching consensus out of bounds (via a deauth) execute on touch",
    signers: ["A", "B", "C", "D"],
    votes: [
      ...[off("A", "C"), by("B"), by("C"), off("A", "D"), off("B", "C"), by("C"), by("A")],
      ...[off("B", "D"), off("C", "D"), by("A"), on("C", "C")],
    ],
    results: ["A", "B"],
  },
  {
    name: "changes reaching consensus out of bounds (via a deauth) may go out of consensus on first touch",
    signers: ["A", "B", "C", "D"],
    votes: [
      ...[off("A", "C"), by("B"), by("C"), off("A", "D"), off("B", "C"), by("C"), by("A")],
      ...[off("B", "D"), off("C", "D"), by("A"), on("B", "C")],
    ],
    results: ["A", "B", "C"],
  },
  {
    name: "pending votes don't survive authorization status changes",
    signers: ["A", "B", "C", "D", "E"],
    votes: [
      ...[
        on("A", "F"),
        on("B", "F"),
        on("C", "F"),
        off("D", "F"),
        off("E", "F"),
        off("B", "F"),
        off("C", "F"),
      ],
      ...[on("D", "F"), on("E", "F"), off("B", "A"), off("C", "A"), off("D", "A"), on("B", "F")],
    ],
    results: ["B", "C", "D", "E", "F"],
  },
  {
    name: "epoch transitions reset all votes to allow chain checkpointing",
    epoch: 3,
    signers: ["A", "B"],
    votes: [on("A", "C"), by("B"), { signer: "A", checkpoint: ["A", "B"] }, on("B", "C")],
    results: ["A", "B"],
  },
  {
    name: "an unauthorized signer should not be able to sign blocks",
    signers: ["A"],
    votes: [by("B")],
    failure: "CLIQUE_UNAUTHORIZED_SIGNER",
  },
  {
    name: "an authorized signer that signed recently should not be able to sign again",
    signers: ["A", "B"],
    votes: [by("A"), by("A")],
    failure: "CLIQUE_RECENTLY_SIGNED",
  },
  {
    name: "recent signatures should not reset on checkpoint blocks imported in a batch",
    epoch: 3,
    signers: ["A", "B", "C"],
    votes: [by("A"), by("B"), { signer: "A", checkpoint: ["A", "B", "C"] }, by("A")],
    failure: "CLIQUE_RECENTLY_SIGNED",
  },
  {
    name: "recent signatures should not reset on checkpoint blocks imported in a new batch (Rinkeby's split)",
    epoch: 3,
    signers: ["A", "B", "C"],
    votes: [by("A"), by("B"), { signer: "A", checkpoint: ["A", "B", "C"] }, { signer: "A", newBatch: true }],
    failure: "CLIQUE_RECENTLY_SIGNED",
  },
];

/** Signers in turn get the right difficulty by trying both: geth's test switches that check off. */
function run(scenario: Scenario) {
  const pool = new SignerPool();
  const config = cliqueConfig({ period: 1, epoch: scenario.epoch ?? 30_000 });
  const db = memoryStore();
  const genesis = cliqueGenesisHeader(pool.sorted(scenario.signers));
  const engine = new Clique({ period: 1, epoch: scenario.epoch ?? 30_000 }, db);
  const clock = { unixSeconds: () => 1_000_000 };
  const chain = new HeaderChain({ db, config, engine, genesis, clock });
  const batches: Header[][] = [[]];
  // a second engine follows along to know whose turn it is
  const guide = new Clique({ period: 1, epoch: scenario.epoch ?? 30_000 }, memoryStore());
  const known: Header[] = [genesis];
  const view = {
    config,
    headerByHash: (hash: Uint8Array) => known.find((header) => toHex(header.hash) === toHex(hash)),
    headerByNumber: (number: number) => known[number],
  };
  let parent = genesis;
  for (const vote of scenario.votes) {
    const inTurn = isInTurn(
      guide.snapshot(view, parent),
      parent.number + 1,
      toHex(pool.address(vote.signer)),
    );
    parent = childHeader(parent, pool.signer(vote.signer), {
      voteOn: pool.address(vote.voted ?? ""),
      authorize: vote.auth,
      checkpoint: vote.checkpoint === undefined ? undefined : pool.sorted(vote.checkpoint),
      inTurn,
    });
    known.push(parent);
    if (vote.newBatch === true) batches.push([]);
    batches.at(-1)?.push(parent);
  }
  return { pool, engine, chain, batches, last: parent };
}

describe("geth's snapshot scenarios", () => {
  test.each(scenarios)("$name", (scenario) => {
    const { pool, engine, chain, batches, last } = run(scenario);
    for (const batch of batches.slice(0, -1)) chain.insert(batch);
    const final = batches.at(-1) ?? [];
    if (scenario.failure !== undefined) {
      expect(() => chain.insert(final)).toThrow(
        expect.objectContaining({ code: scenario.failure, data: { number: last.number } }),
      );
      return;
    }
    chain.insert(final);
    const { signers } = engine.snapshot(chain, last);
    expect(signers).toEqual(pool.sorted(scenario.results ?? []).map(toHex));
  });

  test("all 24 of them are here", () => expect(scenarios).toHaveLength(24));
});

describe("snapshots as text", () => {
  test.each(scenarios.filter((scenario) => scenario.failure === undefined))(
    "round trip: $name",
    (scenario) => {
      const { engine, chain, batches, last } = run(scenario);
      for (const batch of batches) chain.insert(batch);
      const snapshot = engine.snapshot(chain, last);
      expect(parseSnapshot(formatSnapshot(snapshot))).toEqual(snapshot);
    },
  );
});
