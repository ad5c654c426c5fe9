/**
 * Whether code can be run apart from the system here.
 *
 * @module
 */

/** Why it cannot; undefined where it can. Asks the system, and nothing of this project. */
export function noNamespaces(): string | undefined {
  const script = "python3 -I -c 1 && exec unshare --user --map-root-user --net --mount --pid " +
    "--fork --mount-proc sh -c 'mount -t tmpfs tmpfs /tmp && mount -o remount,bind,ro /'";
  const { success, stderr } = new Deno.Command("sh", { args: ["-c", script] }).outputSync();
  return success ? undefined : new TextDecoder().decode(stderr).trim().split("\n")[0];
}
