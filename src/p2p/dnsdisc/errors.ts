import { defineErrors } from "#util";

/** Errors of node lists. `peer` is who publishes or serves the list. */
export const DnsdiscError = defineErrors("DNSDISC", {
  BAD_URL: {
    message: (d: { text: string; why: string }) =>
      `invalid DNS discovery URL ${JSON.stringify(d.text)}: ${d.why}`,
    blame: "environment",
    exitCode: 2,
  },
  BAD_ENTRY: {
    message: (d: { name: string; why: string }) => `invalid node list entry at ${d.name}: ${d.why}`,
    blame: "peer",
  },
  NO_ENTRY: { message: (d: { name: string }) => `no valid tree entry found at ${d.name}`, blame: "peer" },
  HASH_MISMATCH: { message: (d: { name: string }) => `hash mismatch at ${d.name}`, blame: "peer" },
  BAD_SIGNATURE: {
    message: (d: { name: string }) => `the root at ${d.name} is not signed by the list's key`,
    blame: "peer",
  },
  OLD_ROOT: {
    message: (d: { name: string; have: number; got: number }) =>
      `the root at ${d.name} has number ${d.got}, older than ${d.have}`,
    blame: "peer",
  },
  TOO_BIG: {
    message: (d: { name: string; max: number }) => `the list at ${d.name} has more than ${d.max} entries`,
    blame: "peer",
  },
  TOO_SLOW: {
    message: (d: { name: string; ms: number }) => `the list at ${d.name} was not read within ${d.ms} ms`,
    blame: "network",
  },
});
