// Cuts a text that arrives in pieces into lines. A carriage return before the line feed is dropped; what follows the
// last line feed waits for more, or for `end`.
export class LineSplitter {
  private rest = '';

  push(piece: string): string[] {
    const parts = (this.rest + piece).split('\n');
    this.rest = parts.pop() ?? '';
    return parts.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  }
  end(): string[] {
    const last = this.rest;
    this.rest = '';
    return last === '' ? [] : [last];
  }
}
