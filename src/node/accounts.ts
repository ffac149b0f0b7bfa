import { tmpdir } from "node:os";
import { join } from "node:path";
import { AccountManager } from "#accounts";
import { KeyStore } from "#accounts/keystore";
import type { HidPort } from "#accounts/usb";
import type { Host } from "#host";
import { toHex } from "#util";
import type { ResolvedConfig } from "./config.ts";

/**
 * The account manager of a node: key files by the seed's rules of folders (seed-behaviour §1.7). An ephemeral node has a
 * folder of its own among the temporary files, made with its first key and removed at each stop. Touches no file yet.
 *
 * @param isRpcOpen - whether HTTP or WebSocket is open, or will be
 */
export function makeAccountManager(
  config: ResolvedConfig,
  host: Pick<Host, "clock" | "entropy">,
  isRpcOpen: () => boolean,
): AccountManager {
  const { keyStoreDir, useLightweightKdf, insecureUnlockAllowed, logger: log } = config;
  const isTemporary = keyStoreDir === undefined;
  const folder = keyStoreDir ?? join(tmpdir(), `glim-keystore-${toHex(host.entropy.bytes(8)).slice(2)}`);
  const keyStore = new KeyStore({ folder, isTemporary, useLightweightKdf, host, log });
  return new AccountManager({ keyStore, insecureUnlockAllowed, isRpcOpen, log });
}

/**
 * Adds hardware wallets, if they are asked for (`usb`, or a port that was handed in) and not forbidden (`noUsb`): their code
 * and the package `usb` are loaded only then. What fails is told and no more: a node runs without them.
 *
 * @param port - absent: that of the package `usb`
 * @returns whether they are there
 */
export async function addDevices(
  manager: AccountManager,
  { usb, noUsb, logger: log }: ResolvedConfig,
  { clock }: Pick<Host, "clock">,
  port: HidPort | undefined,
): Promise<boolean> {
  if (noUsb || (port === undefined && !usb)) return false;
  try {
    const { loadUsbPort, usbHubs } = await import("#accounts/usb");
    const opened = port ?? (await loadUsbPort());
    for (const hub of usbHubs({ port: opened, clock, log })) await manager.addBackend(hub);
    return true;
  } catch (error) {
    log.warn("hardware wallets are not available", { error });
    return false;
  }
}
