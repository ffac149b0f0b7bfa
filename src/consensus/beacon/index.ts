/*
 * beacon: header rules after the merge (EIP-3675), and the change to them.
 *
 * `Beacon` is an Engine around the one that seals before: a header whose parent has reached the terminal total
 * difficulty has difficulty 0, nonce 0, no uncles, and the fields of its fork (withdrawals, blob gas, parent
 * beacon root, requests); before that the inner engine judges. Who chooses the head after the merge is outside:
 * there is no seal, and no rule here says which of two good blocks is better.
 *
 * Not here: the Engine API, fork choice (#core), execution (#core/vm), the consensus layer's proofs.
 */
export { Beacon } from "./beacon.ts";
export { BeaconError } from "./errors.ts";
