/**
 * Variables of the environment.
 *
 * @module
 */

/**
 * The value of a variable; undefined where it is not set, or may not be read: none of this project is worth
 * a question to who runs the program.
 */
export function environmentVariable(name: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? Deno.env.get(name) : undefined;
}
