import { describe, expect, test } from "vitest";
import {
  defaultDataDir,
  defaultIpcEndpoint,
  identifierOf,
  instanceNameOf,
  ipcEndpointOf,
  keyStoreDirOf,
  type Machine,
  resolveInstancePath,
  thisMachine,
} from "./paths.ts";

const linux: Machine = {
  ...thisMachine(),
  platform: "linux",
  arch: "x64",
  home: "/home/u",
  tempDir: "/tmp",
  cwd: "/work",
  program: "/usr/bin/app.mjs",
  appData: undefined,
  runtime: "node20.20.2",
};
const windows: Machine = {
  ...linux,
  platform: "win32",
  home: "C:\\Users\\u",
  appData: "C:\\Users\\u\\AppData\\Roaming",
  tempDir: "C:\\Temp",
};

describe("T1 paths", () => {
  test("default data directory", () => {
    expect(defaultDataDir(linux)).toBe("/home/u/.glim");
    expect(defaultDataDir({ ...linux, platform: "darwin" })).toBe("/home/u/Library/Glim");
    expect(defaultDataDir(windows)).toBe("C:\\Users\\u\\AppData\\Roaming\\Glim");
    expect(defaultDataDir({ ...windows, appData: undefined })).toBe("C:\\Users\\u\\AppData\\Roaming\\Glim");
    expect(defaultDataDir({ ...linux, home: "" })).toBe("");
  });

  test("IPC endpoint: every row of seed-behaviour 1.4", () => {
    const rows: readonly (readonly [string, string, Machine, string])[] = [
      ["", "/data", linux, ""],
      ["", "", windows, ""],
      ["\\\\.\\pipe\\x", "C:\\data", windows, "\\\\.\\pipe\\x"],
      ["glim.ipc", "C:\\data", windows, "\\\\.\\pipe\\glim.ipc"],
      ["glim.ipc", "/data", linux, "/data/glim.ipc"],
      ["glim.ipc", "", linux, "/tmp/glim.ipc"],
      ["/run/glim.ipc", "/data", linux, "/run/glim.ipc"],
      ["./glim.ipc", "/data", linux, "./glim.ipc"],
      ["sub/glim.ipc", "", linux, "sub/glim.ipc"],
    ];
    for (const [ipcPath, dataDir, machine, wanted] of rows)
      expect(ipcEndpointOf(ipcPath, dataDir, machine), ipcPath).toBe(wanted);
    expect(defaultIpcEndpoint("", linux)).toBe("/home/u/.glim/app.ipc");
    expect(defaultIpcEndpoint("glim", linux)).toBe("/home/u/.glim/glim.ipc");
  });

  test("Trap 6: keystore: absolute, relative to the working directory, default, none", () => {
    expect(keyStoreDirOf("/keys", "/data", "/work")).toBe("/keys");
    expect(keyStoreDirOf("keys", "/data", "/work")).toBe("/work/keys");
    expect(keyStoreDirOf("", "/data", "/work")).toBe("/data/keystore");
    expect(keyStoreDirOf("", "", "/work")).toBeUndefined();
  });

  test("resolvePath", () => {
    const none = () => false;
    const all = () => true;
    const glim = { dataDir: "/data", instanceName: "glim" };
    const geth = { dataDir: "/data", instanceName: "geth" };
    expect(resolveInstancePath("/abs", { dataDir: "", instanceName: "x" }, none)).toBe("/abs");
    expect(resolveInstancePath("rel", { dataDir: "", instanceName: "x" }, none)).toBe("");
    expect(resolveInstancePath("chain/db", glim, all)).toBe("/data/glim/chain/db");
    for (const name of ["nodes", "nodekey", "static-nodes.json", "trusted-nodes.json"]) {
      expect(resolveInstancePath(name, geth, all), "an old geth's file wins").toBe(`/data/${name}`);
      expect(resolveInstancePath(name, geth, none)).toBe(`/data/geth/${name}`);
      expect(resolveInstancePath(name, glim, all), "only for geth").toBe(`/data/glim/${name}`);
    }
    expect(resolveInstancePath("chaindata", geth, all), "geth's chain data is never opened").toBe(
      "/data/geth/chaindata",
    );
    expect(resolveInstancePath("other", geth, all)).toBe("/data/geth/other");
  });

  test("instance name: given, else the program's, else glim", () => {
    expect(instanceNameOf("given", linux)).toBe("given");
    expect(instanceNameOf("", linux)).toBe("app");
    expect(instanceNameOf("", { program: undefined })).toBe("glim");
    expect(instanceNameOf("", { program: "/x/.mjs" })).toBe("glim");
  });
});

describe("T2 identifier", () => {
  test.each([
    ["glim", "", "", "glim/linux-x64/node20.20.2"],
    ["glim", "alice", "", "glim/alice/linux-x64/node20.20.2"],
    ["glim", "", "0.1.0", "glim/v0.1.0/linux-x64/node20.20.2"],
    ["glim", "alice", "0.1.0", "glim/alice/v0.1.0/linux-x64/node20.20.2"],
    ["geth", "alice", "1.8.27-stable", "Geth/alice/v1.8.27-stable/linux-x64/node20.20.2"],
    ["geth-testnet", "", "", "Geth/linux-x64/node20.20.2"],
    ["geth-other", "", "", "geth-other/linux-x64/node20.20.2"],
  ])("%s %s %s", (instanceName, userIdent, version, wanted) => {
    expect(identifierOf({ instanceName, userIdent, version }, linux)).toBe(wanted);
  });
});
