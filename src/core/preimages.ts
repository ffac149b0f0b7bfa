import { type Writer, writePreimage } from "#core/rawdb";
import type { StateDiff } from "#core/vm";
import type { KeyValueStore } from "#ethdb";
import type { Genesis } from "#params";
import { secureKey } from "#trie";

/** What the changed accounts and slots are called. */
export function writePreimages(batch: Writer, { accounts }: StateDiff): void {
  for (const { address, storage } of accounts) {
    writePreimage(batch, secureKey(address), address);
    for (const [slot] of storage) writePreimage(batch, secureKey(slot), slot);
  }
}

/** The same for block 0, which nobody executes. */
export function writeGenesisPreimages(db: KeyValueStore, { alloc }: Genesis): void {
  const batch = db.batch();
  for (const { address, storage = [] } of alloc) {
    writePreimage(batch, secureKey(address), address);
    for (const [slot] of storage) writePreimage(batch, secureKey(slot), slot);
  }
  batch.write();
}
