import type { Host } from "#host";

export type PortProtocol = "tcp" | "udp";

/** What ways through a router need of the world. */
export type NatHost = Pick<Host, "clock" | "rand" | "entropy" | "net" | "http" | "dns" | "localAddresses">;

/** A way to be reached from outside. Calls reject with NAT_* and HOST_*; none is made at once with another. */
export interface Nat {
  /** For logs. */
  readonly name: string;
  /** The address the world sees, as text; undefined: this way does not tell. */
  externalIp(): Promise<string>;
  /**
   * Asks for a port of the router that leads to ours. 0 seconds would end it.
   *
   * @param external - the port wished for
   * @returns the port given
   */
  addMapping(protocol: PortProtocol, internal: number, external: number, seconds: number): Promise<number>;
  deleteMapping(protocol: PortProtocol, internal: number, external: number): Promise<void>;
}
