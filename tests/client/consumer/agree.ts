/** The code keeps what the types of the npm package promise; checked with the sources, run by nobody. */

import { AlimiBell, addCatalogue, Client } from "../../../src/alimi/client/bell.js";
import type { Key } from "../../../src/alimi/client/i18n.js";
import type * as promised from "../../../src/alimi/client/index.d.ts";

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;

export const client: promised.Client = new Client("/alimi/");
export const bell: promised.AlimiBell = new AlimiBell();
export const constructors: [typeof promised.Client, typeof promised.AlimiBell] = [Client, AlimiBell];
export const add: typeof promised.addCatalogue = addCatalogue;
export const keys: Same<Key, promised.Key> = true;
