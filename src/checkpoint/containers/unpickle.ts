/**
 * A restricted unpickler: it builds plain data, knows a short list of globals as markers, and executes
 * nothing. Every opcode costs constant time and memory for the bytes that it consumes.
 *
 * @module
 */
import { PickleBytes } from "./pickle_bytes.ts";
import { rebuild, setItem, storage } from "./pickle_rebuild.ts";
import { describe, Dict, Global, GLOBALS, Tuple } from "./pickle_values.ts";

/** Opcodes that are known by name only, to say what is refused. */
const REFUSED: Readonly<Record<number, string>> = {
  0x69: "INST",
  0x6f: "OBJ",
  0x81: "NEWOBJ",
  0x82: "EXT1",
  0x83: "EXT2",
  0x84: "EXT4",
  0x8f: "EMPTY_SET",
  0x90: "ADDITEMS",
  0x91: "FROZENSET",
  0x92: "NEWOBJ_EX",
  0x96: "BYTEARRAY8",
  0x97: "NEXT_BUFFER",
  0x98: "READONLY_BUFFER",
};

/** The value that `bytes` pickle. A CheckpointError names the opcode and its position where it cannot. */
export function unpickle(bytes: Uint8Array, file: string): unknown {
  return new Unpickler(bytes, file).run();
}

class Unpickler {
  readonly #in: PickleBytes;
  readonly #memo = new Map<number, unknown>();
  #stack: unknown[] = [];
  readonly #marks: unknown[][] = [];

  constructor(bytes: Uint8Array, file: string) {
    this.#in = new PickleBytes(bytes, file);
  }

  run(): unknown {
    for (;;) {
      const opcode = this.#in.opcode();
      if (opcode === 0x2e /* STOP */) return this.#pop();
      if (!this.#constant(opcode) && !this.#container(opcode) && !this.#reference(opcode)) {
        const hex = `0x${opcode.toString(16).padStart(2, "0")}`;
        return this.#fail(
          `opcode ${hex}${REFUSED[opcode] ? ` (${REFUSED[opcode]})` : ""} is refused`,
        );
      }
    }
  }

  readonly #fail = (message: string): never => this.#in.fail(message);

  /** Opcodes that push a constant. */
  #constant(opcode: number): boolean {
    switch (opcode) {
      case 0x4e: // NONE
        return this.#push(null);
      case 0x88: // NEWTRUE
        return this.#push(true);
      case 0x89: // NEWFALSE
        return this.#push(false);
      case 0x4a: // BININT
        return this.#push(this.#in.i32());
      case 0x4b: // BININT1
        return this.#push(this.#in.u8());
      case 0x4d: // BININT2
        return this.#push(this.#in.u16());
      case 0x8a: // LONG1
        return this.#push(this.#in.long(this.#in.u8()));
      case 0x8b: // LONG4
        return this.#push(this.#in.long(this.#in.u32()));
      case 0x49: // INT
      case 0x4c: // LONG
        return this.#push(this.#in.decimal(this.#in.line()));
      case 0x46: // FLOAT
        return this.#push(Number(this.#in.line()));
      case 0x47: // BINFLOAT
        return this.#push(this.#in.f64());
      case 0x58: // BINUNICODE
        return this.#push(this.#in.text(this.#in.u32()));
      case 0x8c: // SHORT_BINUNICODE
      case 0x55: // SHORT_BINSTRING
        return this.#push(this.#in.text(this.#in.u8()));
      case 0x8d: // BINUNICODE8
        return this.#push(this.#in.text(this.#in.u64()));
      case 0x54: // BINSTRING
        return this.#push(this.#in.text(this.#in.u32()));
      case 0x56: // UNICODE
        return this.#push(this.#in.line());
      case 0x53: // STRING
        return this.#push(this.#in.line().replace(/^(['"])(.*)\1$/s, "$2"));
      case 0x43: // SHORT_BINBYTES
        return this.#push(this.#in.raw(this.#in.u8()));
      case 0x42: // BINBYTES
        return this.#push(this.#in.raw(this.#in.u32()));
      case 0x8e: // BINBYTES8
        return this.#push(this.#in.raw(this.#in.u64()));
      default:
        return false;
    }
  }

  /** Opcodes that build tuples, lists and dicts. */
  #container(opcode: number): boolean {
    switch (opcode) {
      case 0x28: // MARK
        this.#marks.push(this.#stack);
        this.#stack = [];
        return true;
      case 0x30: // POP
        if (this.#stack.length === 0 && this.#marks.length > 0) this.#sinceMark();
        else this.#pop();
        return true;
      case 0x31: // POP_MARK
        this.#sinceMark();
        return true;
      case 0x32: // DUP
        return this.#push(this.#top());
      case 0x29: // EMPTY_TUPLE
        return this.#push(new Tuple([]));
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return this.#push(new Tuple(this.#popMany(opcode - 0x84)));
      case 0x74: // TUPLE
        return this.#push(new Tuple(this.#sinceMark()));
      case 0x5d: // EMPTY_LIST
        return this.#push([]);
      case 0x6c: // LIST
        return this.#push(this.#sinceMark());
      case 0x61: // APPEND
        return this.#append([this.#pop()]);
      case 0x65: // APPENDS
        return this.#append(this.#sinceMark());
      case 0x7d: // EMPTY_DICT
        return this.#push(new Dict(false));
      case 0x64: { // DICT
        const items = this.#sinceMark();
        this.#push(new Dict(false));
        return this.#setItems(items);
      }
      case 0x73: // SETITEM
        return this.#setItems(this.#popMany(2));
      case 0x75: // SETITEMS
        return this.#setItems(this.#sinceMark());
      default:
        return false;
    }
  }

  /** Opcodes about the memo, globals, calls and framing. */
  #reference(opcode: number): boolean {
    switch (opcode) {
      case 0x80: { // PROTO
        const protocol = this.#in.u8();
        if (protocol > 5) this.#fail(`protocol ${protocol} is unknown`);
        return true;
      }
      case 0x95: // FRAME: only a hint for readers
        this.#in.take(8);
        return true;
      case 0x71: // BINPUT
        return this.#put(this.#in.u8());
      case 0x72: // LONG_BINPUT
        return this.#put(this.#in.u32());
      case 0x70: // PUT
        return this.#put(this.#in.decimal(this.#in.line()));
      case 0x94: // MEMOIZE
        return this.#put(this.#memo.size);
      case 0x68: // BINGET
        return this.#get(this.#in.u8());
      case 0x6a: // LONG_BINGET
        return this.#get(this.#in.u32());
      case 0x67: // GET
        return this.#get(this.#in.decimal(this.#in.line()));
      case 0x63: { // GLOBAL
        const module = this.#in.line();
        return this.#global(module, this.#in.line());
      }
      case 0x93: { // STACK_GLOBAL
        const [module, name] = this.#popMany(2);
        return this.#global(module, name);
      }
      case 0x52: { // REDUCE
        const [callable, args] = this.#popMany(2);
        return this.#push(rebuild(callable, args, this.#fail));
      }
      case 0x62: { // BUILD: the state of an OrderedDict is PyTorch's `_metadata`, which nothing needs
        const [target, state] = this.#popMany(2);
        if (!(target instanceof Dict && target.ordered && state instanceof Dict)) {
          this.#fail(`opcode BUILD sets the state of ${describe(target)} to ${describe(state)}`);
        }
        return this.#push(target);
      }
      case 0x51: // BINPERSID
        return this.#push(storage(this.#pop(), this.#fail));
      default:
        return false;
    }
  }

  #global(module: unknown, name: unknown): boolean {
    const full = `${typeof module === "string" ? module : describe(module)}.${
      typeof name === "string" ? name : describe(name)
    }`;
    // Parts are checked as strings: "torch" + "_utils._rebuild_tensor_v2" is not the allowed name.
    const plain = typeof name === "string" && typeof module === "string" && !name.includes(".");
    if (!plain || !GLOBALS.has(full)) {
      this.#fail(`global ${full.slice(0, 80)} is refused, expected tensors and OrderedDicts only`);
    }
    return this.#push(new Global(full));
  }

  #push(value: unknown): boolean {
    this.#stack.push(value);
    return true;
  }

  #pop(): unknown {
    if (this.#stack.length === 0) this.#fail("the stack is empty");
    return this.#stack.pop();
  }

  #top(): unknown {
    if (this.#stack.length === 0) this.#fail("the stack is empty");
    return this.#stack[this.#stack.length - 1];
  }

  #popMany(count: number): unknown[] {
    if (this.#stack.length < count) this.#fail("the stack is too short");
    return this.#stack.splice(this.#stack.length - count, count);
  }

  #sinceMark(): unknown[] {
    const items = this.#stack;
    const below = this.#marks.pop();
    if (below === undefined) return this.#fail("there is no mark");
    this.#stack = below;
    return items;
  }

  #append(items: unknown[]): boolean {
    const list = this.#top();
    if (!Array.isArray(list)) return this.#fail(`it appends to ${describe(list)}`);
    for (const item of items) list.push(item);
    return true;
  }

  #setItems(items: unknown[]): boolean {
    const dict = this.#top();
    if (!(dict instanceof Dict)) return this.#fail(`it sets items of ${describe(dict)}`);
    if (items.length % 2 !== 0) this.#fail("a key has no value");
    for (let i = 0; i < items.length; i += 2) setItem(dict, items[i], items[i + 1], this.#fail);
    return true;
  }

  #put(index: number | bigint | boolean): boolean {
    if (typeof index !== "number") return this.#fail(`the memo index is ${index}`);
    this.#memo.set(index, this.#top());
    return true;
  }

  #get(index: number | bigint | boolean): boolean {
    if (typeof index !== "number" || !this.#memo.has(index)) {
      return this.#fail(`memo entry ${index} was never written`);
    }
    return this.#push(this.#memo.get(index));
  }
}
