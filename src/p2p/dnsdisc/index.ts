/**
 * p2p/dnsdisc: lists of nodes published in the DNS (EIP-1459): the tree's entries, its verification, and nodes out of it one at a time.
 *
 * A list is named `enrtree://<base32 of the signer's compressed key>@<domain>`. Whoever runs the DNS can withhold entries, never forge one:
 * each is named by its hash, and the root is signed.
 * Is not: the resolver (`#host`), who dials (`#p2p`).
 */
export { DnsLists, type DnsListsOptions, type SyncedTree } from "./dns-lists.ts";
export { formatTreeUrl, parseTreeUrl, type TreeLink } from "./entries.ts";
export { DnsdiscError } from "./errors.ts";
export { makeTree, type SignedTree } from "./make-tree.ts";
