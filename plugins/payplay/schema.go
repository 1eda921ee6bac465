package main

// The operations' JSON Schemas. Outputs have what this plugin relies on, and let the rest be.

const noInput = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false
}`

const idInput = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "required": ["id"],
  "properties": {"id": {"type": "string", "examples": ["9d05ffbb-0f89-488a-ad58-2a9bc207d3ab"]}}
}`

const createInput = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "required": ["amount", "currency"],
  "properties": {
    "amount": {"type": ["string", "number"], "description": "A string keeps every digit.", "examples": ["12.12"]},
    "currency": {"type": "string", "examples": ["EUR"]},
    "external_order_id": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,255}$"},
    "successful_link": {"type": "string", "pattern": "^https?://"},
    "failure_link": {"type": "string", "pattern": "^https?://"}
  }
}`

const withdrawInput = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "required": ["amount", "currency", "wallet", "network"],
  "properties": {
    "amount": {"type": ["string", "number"], "description": "A string keeps every digit.", "examples": ["10"]},
    "currency": {"type": "string", "examples": ["USDT"]},
    "wallet": {"type": "string", "minLength": 1, "description": "The address to send to.", "examples": ["TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"]},
    "network": {"type": "string", "minLength": 1, "examples": ["TRC20"]},
    "memo": {"type": "string"},
    "external_id": {"type": "string"},
    "comment": {"type": "string"}
  }
}`

const listInput = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "page": {"type": "integer", "minimum": 1},
    "per_page": {"type": "integer", "minimum": 1},
    "date_from": {"type": "string", "examples": ["2022-06-01 00:00:00"]},
    "date_to": {"type": "string"},
    "completed_at_from": {"type": "string"},
    "completed_at_to": {"type": "string"},
    "order_status_id": {"type": "string"},
    "external_order_id": {"type": "string"}
  }
}`

const tickerInput = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "required": ["ticker"],
  "properties": {"ticker": {"type": "string", "pattern": "^[A-Z0-9]{2,16}$", "examples": ["NGN"]}}
}`

const orderOutput = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "required": ["order"],
  "properties": {"order": ` + orderSchema + `}
}`

const listOutput = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "required": ["orders", "meta"],
  "properties": {
    "orders": {"type": "array", "items": ` + orderSchema + `},
    "meta": {
      "type": "object",
      "required": ["current_page", "last_page", "total"],
      "properties": {"current_page": {"type": ["integer", "string"]}, "last_page": {"type": ["integer", "string"]}, "total": {"type": ["integer", "string"]}}
    }
  }
}`

const orderSchema = `{
  "type": "object",
  "required": ["id", "currency", "value", "status"],
  "properties": {
    "id": {"type": "string"},
    "currency": {"type": "string"},
    "order_number": {"type": ["string", "null"]},
    "value": {"type": ["string", "number"]},
    "expected_amount": {"type": ["string", "number", "null"]},
    "received_total": {"type": ["string", "number", "null"], "description": "In received_currency, after PayPlay's fee: not to be compared with value."},
    "exchange_rate": {"type": ["string", "number", "null"]},
    "clean_exchange_rate": {"type": ["string", "number", "null"]},
    "is_internal": {"type": ["boolean", "null"]},
    "deposited_currency": {"type": ["string", "null"]},
    "received_currency": {"type": ["string", "null"]},
    "status": {"type": "string"},
    "external_order_id": {"type": ["string", "null"]},
    "created_at": {"type": ["string", "null"], "description": "Without a zone, presumably UTC."},
    "completed_at": {"type": ["string", "null"], "description": "Without a zone, presumably UTC."},
    "acquiring_url": {"type": ["string", "null"]},
    "successful_link": {"type": ["string", "null"]},
    "failure_link": {"type": ["string", "null"]},
    "transactions": {"type": ["array", "null"]}
  }
}`

const orderStatusesOutput = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "required": ["order_statuses"],
  "properties": {
    "order_statuses": {
      "type": "array",
      "items": {"type": "object", "properties": {"id": {"type": "string"}, "label": {"type": "string"}}}
    }
  }
}`

const transactionOutput = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "required": ["transaction"],
  "properties": {"transaction": ` + transactionSchema + `}
}`

const withdrawOutput = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "required": ["transactions"],
  "properties": {
    "request_id": {"type": ["string", "integer", "null"]},
    "transactions": {"type": "array", "items": ` + transactionSchema + `}
  }
}`

const transactionSchema = `{
  "type": "object",
  "required": ["id", "currency", "value", "status"],
  "properties": {
    "id": {"type": "string"},
    "type": {"type": ["string", "null"]},
    "currency": {"type": ["string", "object"], "description": "A ticker, or an object with one."},
    "value": {"type": ["string", "number"]},
    "status": {"type": "string"},
    "hash": {"type": ["string", "null"]},
    "is_internal": {"type": ["boolean", "null"]},
    "created_at": {"type": ["string", "null"], "description": "Without a zone, presumably UTC."},
    "completed_at": {"type": ["string", "null"], "description": "Without a zone, presumably UTC."}
  }
}`

const ratesOutput = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": {"type": ["string", "number"], "description": "With a decimal comma, as PayPlay sends it: \"1,00\"."}
}`

const exchangeRateOutput = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "required": ["ticker", "exchange_rate"],
  "properties": {"ticker": {"type": "string"}, "exchange_rate": {"type": ["string", "number"]}}
}`
