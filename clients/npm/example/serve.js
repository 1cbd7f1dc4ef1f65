// Serves the folder `page` on 127.0.0.1:4173.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

const types = { html: "text/html", js: "text/javascript", css: "text/css" };

createServer(async (request, response) => {
  const name = new URL(request.url, "http://page").pathname.replace(/^\/$/, "/index.html").slice(1);
  try {
    if (!/^[a-z]+\.[a-z]+$/.test(name)) throw new Error("not a file of the page");
    const body = await readFile(new URL(`page/${name}`, import.meta.url));
    response.writeHead(200, { "Content-Type": types[name.split(".")[1]] }).end(body);
  } catch {
    response.writeHead(404).end();
  }
}).listen(4173, "127.0.0.1");
