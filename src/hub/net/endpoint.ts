/**
 * Where the hub is.
 *
 * @module
 */
import { environmentVariable } from "../../base/environment.ts";
import { ArgumentError } from "../../base/errors.ts";
import { show } from "../../base/options.ts";

/** The hub that is asked where nothing else is said. */
export const HUB: string = "https://huggingface.co";

/**
 * The address of the hub: `given`, or `HF_ENDPOINT`, or that of Hugging Face; without a slash at its end.
 *
 * @throws {ArgumentError} it is no http: or https: address, or has a name and a password in it
 */
export function endpointOf(given: string | undefined): string {
  const set = environmentVariable("HF_ENDPOINT");
  const text = given ?? (set === undefined || set === "" ? HUB : set);
  const name = given === undefined ? "HF_ENDPOINT" : "endpoint";
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    url === undefined || !/^https?:$/.test(url.protocol) || url.username !== "" ||
    url.password !== ""
  ) {
    // A password is not repeated.
    const found = url === undefined || url.username === "" ? show(text) : "one with a user's name";
    throw new ArgumentError(
      "endpoint",
      `Cannot ask the hub: ${name} is ${found}, expected an address such as ${HUB}`,
    );
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, "");
}

/** Whether what is sent to `url` can be read on the way there by nobody. */
export function isPrivate({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}
