/**
 * Formats of strings, as regular expressions: each text of one is valid, and of several spellings the usual one is there.
 *
 * @module
 */

const YEAR_LEAP = "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)";
const DATE = "(?:\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|" +
  "(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))|" +
  `${YEAR_LEAP}-02-29)`;
const TIME =
  "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:Z|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)";
const BYTE = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const HEX = "[0-9a-fA-F]{1,4}";
const LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,58}[a-zA-Z0-9])?";

/** The formats that are enforced, by name. */
export const FORMATS: Readonly<Record<string, string>> = {
  "date": `^${DATE}$`,
  "time": `^${TIME}$`,
  "date-time": `^${DATE}T${TIME}$`,
  "uuid": "^[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$",
  "ipv4": `^(?:${BYTE}\\.){3}${BYTE}$`,
  "ipv6": `^(?:(?:${HEX}:){7}${HEX}|` +
    [0, 1, 2, 3, 4, 5].map((count) =>
      `${HEX}(?::${HEX}){${count}}::(?:${HEX}(?::${HEX}){0,${5 - count}})?`
    ).join("|") +
    `|::(?:${HEX}(?::${HEX}){0,6})?)$`,
  "hostname": `^${LABEL}(?:\\.${LABEL}){0,3}$`,
  "email":
    `^[a-zA-Z0-9_%+-]{1,32}(?:\\.[a-zA-Z0-9_%+-]{1,31}){0,1}@(?:${LABEL}\\.){1,2}[a-zA-Z]{2,24}$`,
};
