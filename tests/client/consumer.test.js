/** The folder as an npm package: what it holds, and what an application's compiler sees of it. */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const CLIENT = join(HERE, "../../src/alimi/client");
const NPM = join(dirname(process.execPath), "../lib/node_modules/npm/bin/npm-cli.js");
const TSC = join(HERE, "node_modules/typescript/bin/tsc");

/** What is published. @returns {string[]} */
function packed() {
  const told = execFileSync(process.execPath, [NPM, "pack", "--dry-run", "--json"], {
    cwd: CLIENT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return JSON.parse(told)[0].files.map((/** @type {{path: string}} */ file) => file.path);
}

/** @param {(folder: string) => void} use an application that has installed what is published */
function installed(use) {
  const folder = mkdtempSync(join(tmpdir(), "alimi-"));
  try {
    const module = join(folder, "node_modules/alimi");
    mkdirSync(module, { recursive: true });
    for (const name of packed()) cpSync(join(CLIENT, name), join(module, name));
    use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("the whole folder is published, with its licence and nothing else", () => {
  assert.deepEqual(packed().sort(), readdirSync(CLIENT).sort());
  const licence = readFileSync(join(HERE, "../../LICENSE"), "utf8");
  assert.equal(readFileSync(join(CLIENT, "LICENSE"), "utf8"), licence);
});

test("its version is that of the library", () => {
  const { version } = JSON.parse(readFileSync(join(CLIENT, "package.json"), "utf8"));
  const project = readFileSync(join(HERE, "../../pyproject.toml"), "utf8");
  assert.match(project, new RegExp(`^version = "${version}"$`, "m"));
});

for (const [module, resolution] of [
  ["esnext", "bundler"],
  ["nodenext", "nodenext"],
]) {
  test(`a strict application compiles with moduleResolution ${resolution}`, () => {
    installed((folder) => {
      cpSync(join(HERE, "consumer/index.ts"), join(folder, "index.mts"));
      const options = ["--strict", "--noEmit", "--target", "es2022", "--module", module];
      const done = spawnSync(
        process.execPath,
        [TSC, ...options, "--moduleResolution", resolution, "--types", "", "index.mts"],
        { cwd: folder, encoding: "utf8" },
      );
      assert.equal(done.stdout + done.stderr, "");
    });
  });
}
