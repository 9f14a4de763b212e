/** The size of a node, for who places and who draws it. */
export const NODE = { width: 168, height: 40 };
