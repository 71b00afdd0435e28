/** About 200 bytes of typed JSON. */
export const USER = {
  id: 123_456,
  name: "Jane Doe",
  email: "jane.doe@example.com",
  active: true,
  score: 98.6,
  tags: ["admin", "editor", "owner"],
  address: { street: "12 High Street", city: "London", zip: "N1 9GU" },
  note: null,
};

/** What is sent, by the name of its workload. */
export const VALUES = {
  small: "hello",
  object: USER,
  "1KiB": Buffer.alloc(1024, "0123456789abcdef"),
  "64KiB": Buffer.alloc(65_536, "0123456789abcdef"),
} as const;

export type ValueName = keyof typeof VALUES;
